-- Upvalues shared and nested, recursion, tail calls, functions with many parameters.
local function counter()
  local n = 0
  return function() n = n + 1; return n end, function(v) n = v end, function() return function() return n end end
end
local next_one, set, getter = counter()
next_one(); set(10); next_one()
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
local function vararg_tail(...) return tail(3, ...) end
local function capture(a, b, c)
  local d = a
  local function inner(...)
    local e = ... or d
    return function() d = d + 1; c = b; return e, a, b, c, d end
  end
  return inner
end
local f = capture(1, 2, 3)
f(9)(); f()()
local function nested() return function() return function() return function() return fib, nested, f end end end end
nested()()()()
local function none() end
local function one(a) return a end
local function parameters(a, b, c, d, e, f, g, h) return h, g, f, e, d, c, b, a end
none(); one(); parameters(1, 2, 3); (one)(1, 2, 3)
local x, y, z = parameters(one(1), none(), one(2))
local s = ("%d"):format(7)
local co = coroutine.wrap(function(...)
  local a = coroutine.yield(...)
  local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end,
    __add = function() return coroutine.yield("add") end, __lt = function() return coroutine.yield("lt") end,
    __concat = function(l) return coroutine.yield("concat") end, __eq = function() return coroutine.yield("eq") end,
    __call = function(_, v) return coroutine.yield(v) end })
  local r = t.key .. t
  r = t + 1; r = t < t; r = t == setmetatable({}, getmetatable(t)); r = "a" .. "b" .. t .. "c"
  for v in function() return coroutine.yield("loop") end do r = v end
  return t(5)
end)
co(1, 2)
for i = 1, 12 do pcall(co, i % 7 ~= 0 and i or nil) end
local ok, message = pcall(function() local t = nil; return t.x.y end)
pcall(function() return undefined_function() end)
pcall(function() return f.x.y + z end)
pcall(function() return ("x"):nope() end)
pcall(function() return #5 end)
return fib(9), even(7), ok, message, s, x, y, z, getter()(), vararg_tail(7, 8), tail(4)
