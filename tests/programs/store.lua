---- values in _home
_home.name = 'Cu' _home.n = 5 _home.f = 1.5 _home.b = true
return _home.name, _home.n, _home.f, _home.b, _home.none
---- documents in a table
_home.users = {ada = {born = 1815, tags = {'math'}}, grace = {born = 1906}}
_home.users.ada.tags[2] = 'engine'
_home.users.ada.born = _home.users.ada.born + 1
return #_home.users.ada.tags, _home.users.ada.born, _home.users.grace.born, _home.users.nobody
---- pairs goes by the order of keys
_home.t = {}
for _, k in ipairs{'b', 'a', 'c', 3, 1, 2, -5} do _home.t[k] = tostring(k) end
local out = {}
for k, v in pairs(_home.t) do out[#out + 1] = k .. '=' .. v end
return table.concat(out, ' ')
---- deep writes
_home.t = {d = {}}
_home.t.d.a = {b = {c = 1}}
_home.t.d.a.b.c = 2
_home.t.d.a.b.list = {1, 2, 3}
_home.t.d.a.b.list[4] = 4
table.insert(_home.t.d.a.b.list, 5)
table.remove(_home.t.d.a.b.list, 1)
return _home.t.d
---- lists in documents
_home.t = {l = {3, 1, 2}}
local l = _home.t.l
table.sort(l)
l[#l + 1] = 9
print(#l, table.concat(l, ' '), table.unpack(l))
for i, v in ipairs(l) do print(i, v) end
return l
---- views see what is written
_home.t = {d = {x = 1}}
local d = _home.t.d
local e = _home.t.d
d.x = 2
print(e.x, d == e, rawequal(d, e))
_home.t.d = {x = 10}
return d.x, e.x
---- deleting
_home.t = {a = 1, b = 2, c = {x = 1, y = 2}}
_home.t.a = nil
_home.t.c.x = nil
local out = {}
for k in pairs(_home.t) do out[#out + 1] = k end
return table.concat(out, ' '), _home.t.c, next(_home.t.c)
---- deleting while going through
_home.t = {}
for i = 1, 30 do _home.t[i] = i end
for k, v in pairs(_home.t) do if v % 2 == 0 then _home.t[k] = nil end end
local n = 0
for _ in pairs(_home.t) do n = n + 1 end
return n
---- a table of a thousand documents
_home.t = {}
for i = 1, 1000 do _home.t[i] = {square = i * i, name = 'n' .. i} end
local sum = 0
for _, d in pairs(_home.t) do sum = sum + d.square end
return sum, #_home.t, _home.t[500].name
---- an error takes all back
_home.t = {a = 1}
_home.x = 1
error('changed my mind')
---- an error that is caught takes nothing back
_home.t = {a = 1}
pcall(function() _home.t.b = 2 error('x') end)
return _home.t.a, _home.t.b
---- all kinds of values
_home.t = {}
_home.t.v = {int = 1, float = 1.0, neg = -0.0, big = math.maxinteger, text = 'é', bytes = '\xff', yes = true, no = false, list = {1, {2}}, map = {a = {b = 1}}, empty = {}, elist = list{}}
local v = _home.t.v
return v.int, v.float, v.neg, v.big, v.text, v.bytes, v.yes, v.no, v.list, v.map, v.empty, v.elist, math.type(v.int), math.type(v.float)
---- keys of all kinds
_home.t = {}
_home.t[1] = 'integer' _home.t['1'] = 'text' _home.t['\xff'] = 'bytes' _home.t[2.0] = 'float that is an integer' _home.t[-1] = 'negative'
local out = {}
for k, v in pairs(_home.t) do out[#out + 1] = math.type(k) or #k end
return table.concat(out, ' '), _home.t[2], pcall(function() _home.t[1.5] = 1 end), pcall(function() _home.t[true] = 1 end), pcall(function() _home.t[''] = 1 end)
---- NaN and infinities are kept
_home.t = {nan = 0/0, inf = 1/0, ninf = -1/0}
return _home.t.nan ~= _home.t.nan, _home.t.inf, _home.t.ninf, tostring(_home.t.nan)
---- what can't be stored
_home.t = {}
print(pcall(function() _home.t.co = coroutine.create(print) end))
local t = {} t.t = t
print(pcall(function() _home.t.loop = t end))
print(pcall(function() _home.t.deep = {a = {b = {c = coroutine.create(print)}}} end))
return _home.t.co, _home.t.loop
---- copying between tables
_home.a = {x = {1, 2, 3}, y = {z = 'w'}}
_home.b = {}
_home.b.x = _home.a.x
_home.b.copy = _home.a.y
_home.b.x[1] = 100
return _home.a.x[1], _home.b.x[1], _home.b.copy.z
---- counting words into the store
_home.words = {}
for w in ('the cat and the dog and the bird'):gmatch('%a+') do _home.words[w] = (_home.words[w] or 0) + 1 end
local out = {}
for w, n in pairs(_home.words) do out[#out + 1] = w .. n end
return table.concat(out, ' ')
---- replacing a table
_home.t = {a = 1, b = 2}
_home.t = {c = 3}
local n = 0
for k in pairs(_home.t) do n = n + 1 end
_home.t = nil
return n, _home.t
---- long texts and bytes
_home.t = {s = ('x'):rep(5000), b = ('\0\xff'):rep(100)}
return #_home.t.s, #_home.t.b, _home.t.b:byte(1, 2)
---- a bank
_home.accounts = {ann = {balance = 100}, bob = {balance = 50}}
local function transfer(from, to, amount)
  local a, b = _home.accounts[from], _home.accounts[to]
  if not a or not b then error('no such account', 0) end
  if a.balance < amount then error('not enough', 0) end
  a.balance = a.balance - amount
  b.balance = b.balance + amount
end
transfer('ann', 'bob', 30)
print(pcall(transfer, 'ann', 'bob', 1000))
print(pcall(transfer, 'ann', 'carl', 1))
return _home.accounts.ann.balance, _home.accounts.bob.balance
---- an index by hand
_home.people = {}
for i, p in ipairs{{'Ada', 'London'}, {'Alan', 'London'}, {'Grace', 'New York'}} do _home.people[i] = {name = p[1], city = p[2]} end
_home.cities = {}
for id, p in pairs(_home.people) do
  local l = _home.cities[p.city] or list{}
  l[#l + 1] = id
  _home.cities[p.city] = l
end
return _home.cities.London, _home.cities['New York']
---- matrices in documents
_home.m = {a = {{1, 2}, {3, 4}}}
local m = _home.m.a
for i = 1, 2 do for j = 1, 2 do m[i][j] = m[i][j] * 10 end end
m[3] = {5}
return m, #m, m[2][1]
