-- Many small tables.
local list = {}
for i = 1, 200000 do
  list[i] = { id = i, name = "n", tags = { i, i + 1 } }
end
local sum = 0
for _, item in ipairs(list) do
  sum = sum + item.id + item.tags[2]
end
return sum
