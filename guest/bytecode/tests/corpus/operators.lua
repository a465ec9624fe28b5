-- Arithmetic with registers, constants and small numbers, with metamethods behind each of them.
local meta = {}
for _, name in ipairs { "add", "sub", "mul", "mod", "pow", "div", "idiv", "band", "bor", "bxor", "shl", "shr", "concat" } do
  meta["__" .. name] = function(a, b) return name end
end
meta.__unm = function() return "unm" end
meta.__bnot = function() return "bnot" end
meta.__len = function() return 3 end
meta.__eq = function() return true end
meta.__lt = function() return true end
meta.__le = function() return false end
meta.__index = function(t, k) return k end
meta.__newindex = function(t, k, v) rawset(t, k, v) end
meta.__call = function(self, ...) return select("#", ...), ... end
local function binary(a, b)
  local r = { a + b, a - b, a * b, a % b, a ^ b, a / b, a // b, a & b, a | b, a ~ b, a << b, a >> b }
  r[#r + 1] = a + 1; r[#r + 1] = a - 1; r[#r + 1] = 1 + a; r[#r + 1] = a + 1000; r[#r + 1] = a - 1000
  r[#r + 1] = a * 7; r[#r + 1] = a % 7; r[#r + 1] = a ^ 2; r[#r + 1] = a / 7; r[#r + 1] = a // 7
  r[#r + 1] = a & 255; r[#r + 1] = a | 4096; r[#r + 1] = a ~ 77; r[#r + 1] = a << 2; r[#r + 1] = 2 << a
  r[#r + 1] = a >> 3; r[#r + 1] = 0x7fffffffff + a; r[#r + 1] = a + 1.5; r[#r + 1] = 2.0 * a
  return r
end
local function unary(a) return -a, ~a, not a, #a end
local object, other = setmetatable({}, meta), setmetatable({}, meta)
local count = #binary(7, 3) + #binary(object, 3) + #binary(7, other) + #binary(object, other)
pcall(binary, "7", 3); pcall(binary, {}, 3); pcall(binary, 2.5, 3); pcall(binary, 7, 0)
unary(object); pcall(unary, 3); pcall(unary, "3"); pcall(unary, {})
local function compare(a, b)
  local n = 0
  if a == b then n = n + 1 end
  if a ~= b then n = n + 2 end
  if a < b then n = n + 4 end
  if a <= b then n = n + 8 end
  if a > b then n = n + 16 end
  if a >= b then n = n + 32 end
  if a == 5 then n = n + 1 elseif a ~= 6 then n = n + 2 end
  if a < 5 then n = n + 4 elseif a <= 6 then n = n + 8 end
  if a > 7 then n = n + 16 elseif a >= 8 then n = n + 32 end
  if a < 5.0 or 9 < a or 3 <= a and a ~= 1e300 then n = n + 64 end
  if a == "text" or a == nil or a == true then n = n + 128 end
  return n
end
compare(1, 2); compare(5.0, 5); compare(object, other)
pcall(compare, "a", "b"); pcall(compare, {}, 1); pcall(compare, nil, nil)
local a, b, c = nil, false, 1
local x = a and b or c
local y = a == b and c
local z = not (a or b) and (c or a)
local t = a or b or c or x
local u = (a and b) == (b and a)
local v = x < 5 and "small" or "large"
local text = "a" .. 1 .. 2.5 .. "b" .. x
text = text .. object
local long = "this is a string constant of more than forty characters, which is another kind"
return count, y, z, t, u, v, text, long .. long, object(1, 2, 3), object[long], object.field, 1e308, -0.0, 2^53
