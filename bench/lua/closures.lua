-- Closures made, called and dropped.
local function counter(step)
  local value = 0
  return function()
    value = value + step
    return value
  end
end
local sum = 0
for i = 1, 200000 do
  local next = counter(i)
  next()
  sum = sum + next()
end
return sum
