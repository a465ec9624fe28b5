-- Loops of all kinds, with breaks, gotos and closures in them.
local out = {}
local function add(v) out[#out + 1] = v end
for i = 1, 3 do add(i) end
for i = 3, 1, -1 do add(i) end
for i = 1.0, 2.0, 0.5 do add(i) end
for i = 1, 0 do add(i) end
for i = math.maxinteger - 1, math.maxinteger do add(i) end
for i = 1, 2 do for j = 1, 2 do for k = i, j do add(i * j * k) end end end
pcall(function() for i = 1, {} do end end)
pcall(function() for i = 1, 2, 0 do end end)
pcall(function() for i = "a", 2 do end end)
for k, v in pairs({ a = 1, b = 2, 3 }) do add(v) end
for _, v in ipairs({ 1, 2, 3 }) do if v == 2 then break end add(v) end
for a, b, c, d in function(s, n) if n < 3 then return n + 1, n, s end end, "s", 0 do add(a); add(b) end
local closures = {}
for i = 1, 3 do closures[i] = function() i = i + 1; return i end end
for k, v in pairs({ 1, 2 }) do closures[#closures + 1] = function() return k, v end end
for i = 1, 3 do
  local x = i
  if x == 2 then goto continue end
  closures[#closures + 1] = function() x = x + 1; return x end
  ::continue::
end
local n = 0
while n < 5 do
  n = n + 1
  local m = n
  if m == 3 then closures[#closures + 1] = function() return m end; break end
end
while true do if n > 7 then break elseif n > 6 then n = n + 2 else n = n + 1 end end
repeat
  local last = n
  closures[#closures + 1] = function() return last end
  n = n + 1
until last > 9
repeat n = n - 1; local done = n < 5 until done
do
  local i = 1
  ::top::
  local j = i * 2
  closures[#closures + 1] = function() return j end
  i = i + 1
  if i < 4 then goto top end
end
for i = 1, 3 do
  for j = 1, 3 do
    if j == 2 then goto next_i end
    local keep = function() return i + j end
    add(keep())
  end
  ::next_i::
end
do goto skip; local never; ::skip:: end
for _, f in ipairs(closures) do f(); add(f()) end
for i = 1, 2 do local a <const> = 5; local b <const> = i; add(a + b) end
return #out, table.unpack(out, 1, 5)
