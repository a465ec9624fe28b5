-- Numbers and texts formatted.
local length = 0
for i = 1, 60000 do
  length = length + #string.format("%s %d %5.2f %x", "row", i, i / 7, i)
end
return length
