-- Maps with keys that are texts: words counted.
local words = {}
for i = 1, 5000 do
  words[i] = "word" .. (i * i) % 997
end
local count = {}
for round = 1, 60 do
  for i = 1, #words do
    local word = words[i]
    count[word] = (count[word] or 0) + round
  end
end
local distinct, sum = 0, 0
for _, times in pairs(count) do
  distinct = distinct + 1
  sum = sum + times
end
return sum * 1000 + distinct
