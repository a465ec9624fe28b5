-- A generator that yields.
local generate = coroutine.wrap(function()
  for i = 1, 300000 do
    coroutine.yield(i)
  end
  return 0
end)
local sum = 0
for value in generate do
  if value == 0 then
    break
  end
  sum = sum + value
end
return sum
