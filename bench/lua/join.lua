-- Texts put together from numbers and parts.
local parts = {}
for i = 1, 150000 do
  parts[#parts + 1] = "key" .. i .. "=" .. (i * 3)
end
local text = table.concat(parts, ";")
return #text
