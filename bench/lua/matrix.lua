-- Lists of lists: matrices multiplied.
local size = 110
local function matrix(seed)
  local rows = {}
  for i = 1, size do
    local row = {}
    for j = 1, size do
      row[j] = (i * seed + j) % 10
    end
    rows[i] = row
  end
  return rows
end
local a, b = matrix(3), matrix(7)
local trace = 0
for i = 1, size do
  local row = a[i]
  for j = 1, size do
    local sum = 0
    for k = 1, size do
      sum = sum + row[k] * b[k][j]
    end
    if i == j then
      trace = trace + sum
    end
  end
end
return trace
