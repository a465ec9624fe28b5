---- vectors with operators
local V = {}
V.__index = V
local function vec(x, y) return setmetatable({x = x, y = y}, V) end
V.__add = function(a, b) return vec(a.x + b.x, a.y + b.y) end
V.__sub = function(a, b) return vec(a.x - b.x, a.y - b.y) end
V.__mul = function(a, b) if type(a) == 'number' then return vec(a * b.x, a * b.y) elseif type(b) == 'number' then return vec(a.x * b, a.y * b) end return a.x * b.x + a.y * b.y end
V.__unm = function(a) return vec(-a.x, -a.y) end
V.__eq = function(a, b) return a.x == b.x and a.y == b.y end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__tostring = function(a) return '(' .. a.x .. ', ' .. a.y .. ')' end
V.__len = function() return 2 end
V.__concat = function(a, b) return tostring(a) .. tostring(b) end
local a, b = vec(1, 2), vec(3, 4)
print(a + b, a - b, a * b, 2 * a, a * 2, -a)
print(a == vec(1, 2), a ~= b, a < b, a <= b, a > b, #a)
return a .. b, a .. 'x', 1 .. a
---- all arithmetic metamethods get their operands
local log = {}
local mt = {}
for _, name in ipairs{'add', 'sub', 'mul', 'div', 'mod', 'pow', 'idiv', 'band', 'bor', 'bxor', 'shl', 'shr', 'concat'} do
  mt['__' .. name] = function(a, b) return name .. ' ' .. type(a) .. ' ' .. type(b) end
end
mt.__unm = function(a, b) return 'unm ' .. tostring(rawequal(a, b)) end
mt.__bnot = function(a, b) return 'bnot ' .. tostring(rawequal(a, b)) end
local t = setmetatable({}, mt)
print(t + 1, 1 + t, t - 1, t * 1, t / 1, t % 1, t ^ 1, t // 1)
print(t & 1, 1 | t, t ~ 1, t << 1, 1 >> t, t .. 1, 'x' .. t)
return -t, ~t
---- __index by table and by function
local base = {a = 1, b = 2}
local mid = setmetatable({b = 20}, {__index = base})
local top = setmetatable({c = 3}, {__index = mid})
local f = setmetatable({}, {__index = function(t, k) return k .. '!' end})
return top.a, top.b, top.c, top.d, f.x, f[1], rawget(top, 'a')
---- __newindex keeps writes apart
local log = {}
local store = {}
local t = setmetatable({}, {__newindex = function(t, k, v) log[#log + 1] = k .. '=' .. tostring(v) rawset(t, k, v) end})
t.a = 1 t.a = 2 t.b = 3
local u = setmetatable({}, {__newindex = store})
u.x = 5
return table.concat(log, ' '), t.a, rawget(u, 'x'), store.x
---- a read-only table
local function readonly(t) return setmetatable({}, {__index = t, __newindex = function(_, k) error('read-only: ' .. tostring(k), 2) end, __len = function() return #t end, __pairs = function() return pairs(t) end}) end
local r = readonly{10, 20, 30}
print(#r, r[2], pcall(function() r[2] = 5 end))
local s = 0
for _, v in pairs(r) do s = s + v end
return s, next(r)
---- default values
local function default(v) return {__index = function(t, k) t[k] = v return v end} end
local counts = setmetatable({}, default(0))
for w in ('a b a c b a'):gmatch('%a') do counts[w] = counts[w] + 1 end
return counts.a, counts.b, counts.c, counts.z
---- inheritance
local Animal = {} Animal.__index = Animal
function Animal.new(name) local self = setmetatable({}, Animal) self.name = name return self end
function Animal:speak() return self.name .. ' makes a sound' end
local Dog = setmetatable({}, {__index = Animal}) Dog.__index = Dog
function Dog.new(name) local self = Animal.new(name) return setmetatable(self, Dog) end
function Dog:speak() return Animal.speak(self) .. ': woof' end
local d = Dog.new('Rex')
return d:speak(), getmetatable(d) == Dog, Animal.new('Cat'):speak()
---- multiple inheritance by search
local function search(k, parents) for _, p in ipairs(parents) do local v = p[k] if v ~= nil then return v end end end
local function class(...) local parents = {...} local c = {} setmetatable(c, {__index = function(t, k) local v = search(k, parents) t[k] = v return v end}) c.__index = c return c end
local A, B = {foo = function() return 'A.foo' end}, {bar = function() return 'B.bar' end, foo = function() return 'B.foo' end}
local C = class(A, B)
local o = setmetatable({}, C)
return o.foo(), o.bar(), o.baz
---- __call with arguments
local t = setmetatable({n = 0}, {__call = function(self, ...) self.n = self.n + select('#', ...) return self.n, ... end})
print(t(1, 2, 3))
print(t())
print(pcall(t, nil))
local chain = setmetatable({}, {__call = t})
return select('#', chain('x'))
---- __eq only for two of a kind
local calls = 0
local mt = {__eq = function() calls = calls + 1 return true end}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
return a == b, a == a, a == 1, a ~= b, rawequal(a, b), calls
---- __lt for mixed operands
local mt = {__lt = function(a, b) return (type(a) == 'table' and a.v or a) < (type(b) == 'table' and b.v or b) end}
local a = setmetatable({v = 5}, mt)
print(a < 6, 4 < a, a > 6, pcall(function() return a <= 5 end))
return pcall(function() return {} < {} end)
---- __len and the library
local t = setmetatable({1, 2, 3}, {__len = function() return 2 end})
print(#t, rawlen(t), table.concat(t, ','), table.unpack(t))
table.insert(t, 'x')
return t[3], table.remove(t), t[2]
---- __tostring and __name
local t = setmetatable({}, {__tostring = function() return 'mine' end})
print(t, tostring(t), string.format('%s|%10s', t, t))
print((tostring(setmetatable({}, {__name = 'Thing'})):gsub('0x%x+', 'N')))
return pcall(tostring, setmetatable({}, {__tostring = function() return 5 end}))
---- __metatable protects
local t = setmetatable({}, {__metatable = 'locked'})
return getmetatable(t), pcall(setmetatable, t, {})
---- __pairs
local t = setmetatable({}, {__pairs = function(t) local i = 0 return function() i = i + 1 if i <= 3 then return i, i * i end end, t, nil end})
local out = {}
for k, v in pairs(t) do out[#out + 1] = k .. ':' .. v end
return table.concat(out, ' ')
---- __concat of chains
local mt = {__concat = function(a, b) return (type(a) == 'table' and 'T' or a) .. '+' .. (type(b) == 'table' and 'T' or b) end}
local t = setmetatable({}, mt)
return 'a' .. 'b' .. t, t .. 'a' .. 'b', 1 .. t .. 2
---- __div, __idiv and __mod of rationals
local R = {}
local function gcd(a, b) while b ~= 0 do a, b = b, a % b end return a end
local function rat(n, d) local g = gcd(n, d) return setmetatable({n // g, d // g}, R) end
R.__add = function(a, b) return rat(a[1] * b[2] + b[1] * a[2], a[2] * b[2]) end
R.__div = function(a, b) return rat(a[1] * b[2], a[2] * b[1]) end
R.__tostring = function(a) return a[1] .. '/' .. a[2] end
local sum = rat(0, 1)
for i = 1, 10 do sum = sum + rat(1, i) end
return tostring(sum), tostring(rat(3, 4) / rat(9, 2))
---- tracking accesses through a proxy
local function track(t)
  local log = {}
  local proxy = setmetatable({}, {
    __index = function(_, k) log[#log + 1] = 'get ' .. tostring(k) return t[k] end,
    __newindex = function(_, k, v) log[#log + 1] = 'set ' .. tostring(k) t[k] = v end,
  })
  return proxy, log
end
local p, log = track{a = 1}
p.b = p.a + 1
p.c = p.b
return table.concat(log, ', ')
---- sets as metatables
local Set = {}
Set.__index = Set
function Set.new(l) local s = setmetatable({}, Set) for _, v in ipairs(l) do s[v] = true end return s end
Set.__add = function(a, b) local r = Set.new{} for k in pairs(a) do r[k] = true end for k in pairs(b) do r[k] = true end return r end
Set.__mul = function(a, b) local r = Set.new{} for k in pairs(a) do r[k] = b[k] end return r end
Set.__le = function(a, b) for k in pairs(a) do if not b[k] then return false end end return true end
Set.__lt = function(a, b) return a <= b and not (b <= a) end
Set.__eq = function(a, b) return a <= b and b <= a end
Set.__tostring = function(s) local l = {} for k in pairs(s) do l[#l + 1] = tostring(k) end table.sort(l) return '{' .. table.concat(l, ', ') .. '}' end
local a, b = Set.new{10, 20, 30}, Set.new{30, 1}
return tostring(a + b), tostring(a * b), a * b < a, a == a + Set.new{10}, a <= b
---- what can't be done says so
local t = {}
print(pcall(function() return t + 1 end))
print(pcall(function() return t.x.y end))
print(pcall(function() return t .. 'x' end))
print(pcall(function() t.x.y = 1 end))
print(pcall(function() t() end))
print(pcall(function() t:go() end))
print(pcall(function() return #5 end))
print(pcall(function() return -{} end))
print(pcall(function() return 1 < 'x' end))
print(pcall(function() return 1.5 | 1 end))
print(pcall(function() return 'a' | 1 end))
print(pcall(function() t[nil] = 1 end))
print(pcall(function() t[0/0] = 1 end))
print(pcall(next, t, 'none'))
print(pcall(setmetatable, 1, {}))
print(pcall(rawset, t, nil, 1))
---- a class with properties
local Point = {}
local getters = {length = function(s) return math.sqrt(s.x ^ 2 + s.y ^ 2) end}
local setters = {angle = function(s, a) local l = s.length s.x, s.y = l * math.cos(a), l * math.sin(a) end}
Point.__index = function(t, k) local g = getters[k] if g then return g(t) end return Point[k] end
Point.__newindex = function(t, k, v) local s = setters[k] if s then s(t, v) else rawset(t, k, v) end end
local p = setmetatable({x = 3, y = 4}, Point)
print(p.length)
p.angle = 0
return p.x, p.y, p.none
---- lazy lists
local function lazy(f) local v, done return setmetatable({}, {__call = function() if not done then v, done = f(), true end return v end}) end
local function from(n) return {n, lazy(function() return from(n + 1) end)} end
function from(n) return {head = n, tail = lazy(function() return from(n + 1) end)} end
local function take(s, n) local out = {} while n > 0 do out[#out + 1] = s.head s = s.tail() n = n - 1 end return out end
return table.concat(take(from(5), 6), ' ')
---- weak tables keep what is used
local weak = setmetatable({}, {__mode = 'v'})
local kept = {}
weak.a, weak.b = kept, {}
collectgarbage()
return weak.a == kept, weak.b
---- ephemerons
local e = setmetatable({}, {__mode = 'k'})
local key = {}
e[key] = {key}
e[{}] = 1
collectgarbage()
local n = 0
for _ in pairs(e) do n = n + 1 end
return n
