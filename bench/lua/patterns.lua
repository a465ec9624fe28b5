-- Patterns: words found and replaced.
local text = string.rep("the quick brown fox, 42 years old, jumps over the lazy dog; ", 400)
local words, numbers = 0, 0
for _ = 1, 10 do
  for word in string.gmatch(text, "%a+") do
    words = words + #word
  end
  local replaced, count = string.gsub(text, "(%d+) (%a+)", "%2 %1")
  numbers = numbers + count + #replaced
end
return words * 1000 + numbers % 1000
