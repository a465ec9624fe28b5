-- Constructors short and long, with fields, lists, calls and variable arguments at their end.
local function many(n) if n == 0 then return end return n, many(n - 1) end
local empty = {}
local list = { 1, 2, 3, nil, nil, "six", many(3) }
local fields = { x = 1, y = 2.5, ["a b"] = true, [10] = "ten", [many(1)] = "one", z = { { {} } } }
local nils = { nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
  nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
  nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, 1 }
local function vararg(...)
  local first, second = ...
  local all = { ... }
  local more = { first, second, ..., ... }
  local n = select("#", ...)
  return n, first, #all, #more, ...
end
vararg(); vararg(1); vararg(1, nil, 3)
local t = setmetatable({}, { __index = fields })
t.a, t.b, t[1], t[2], t[300] = 1, t.x, t.y, t["a b"], t[10]
t.nested = { deep = { deeper = {} } }
t.nested.deep.deeper.deepest = t
function t.plain(self, n) return self == t, n end
function t:method(n, ...) return self == t, n, ... end
function t.nested.deep:method() return self end
t:method(1); t:method(1, 2, 3); t.plain(t, t:method(many(4)))
t.nested.deep:method()
local key = "k"
t[key] = key; t[key .. key] = t[key]; t[1.5] = nil; t[2^53] = true
global = t; global.field = global; global[1] = nil
table.insert(list, many(1)); table.sort({ 3, 1, 2 }, function(a, b) return a < b end)
local sum = 0
for i = 1, #list do sum = sum + (type(list[i]) == "number" and list[i] or 0) end
return sum, #nils, vararg(many(5))
