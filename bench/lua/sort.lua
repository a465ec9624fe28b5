-- Sorting with and without a function.
local state = 42
local list, texts = {}, {}
for i = 1, 40000 do
  state = (state * 1103515245 + 12345) % 2147483648
  list[i] = state
  if i <= 15000 then
    texts[i] = "item" .. state
  end
end
table.sort(list, function(a, b)
  return a > b
end)
table.sort(texts)
return list[1] + list[40000] + #texts[1] + #texts[15000]
