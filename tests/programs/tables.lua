---- pairs goes in the same order everywhere
local t = {}
for _, k in ipairs{'zebra', 'apple', 'mango', 'kiwi', 'fig', 'date', 'plum', 'pear', 'lime', 'grape'} do t[k] = #k end
t[1], t[2], t[100], t[-1], t[1.5], t[true], t[false] = 1, 2, 3, 4, 5, 6, 7
local out = {}
for k, v in pairs(t) do out[#out + 1] = tostring(k) .. '=' .. v end
return table.concat(out, ' ')
---- pairs after deletions and additions
local t = {}
for i = 1, 50 do t['k' .. i] = i end
for i = 1, 50, 3 do t['k' .. i] = nil end
for i = 51, 60 do t['k' .. i] = i end
local out = {}
for k, v in pairs(t) do out[#out + 1] = k end
return #out, table.concat(out, ' ')
---- tables as keys
local keys, t = {}, {}
for i = 1, 12 do keys[i] = {i} t[keys[i]] = i end
local n, sum = 0, 0
for k, v in pairs(t) do n = n + 1 sum = sum + v end
return n, sum
---- a library's names come in the same order
local out = {}
for _, lib in ipairs{'string', 'table', 'math', 'utf8', 'coroutine', 'os'} do
  local names = {}
  for k in pairs(_G[lib]) do names[#names + 1] = k end
  out[#out + 1] = lib .. ': ' .. table.concat(names, ' ')
end
print(table.concat(out, '\n'))
---- clearing while going through
local t = {}
for i = 1, 100 do t[i] = i t['x' .. i] = i end
local n = 0
for k in pairs(t) do t[k] = nil n = n + 1 end
return n, next(t)
---- lengths and borders
local t = {1, 2, 3, nil, 5}
local u = {n = 1, 10, 20, 30}
u[#u + 1] = 40
u[#u] = nil
return #u, #{}, #{nil}, #{nil, 2} == 2 or #{nil, 2} == 0, select('#', table.unpack({1, nil, 3}, 1, 3))
---- insert and remove
local t = {}
table.insert(t, 'b') table.insert(t, 1, 'a') table.insert(t, 3, 'd') table.insert(t, 3, 'c')
print(table.concat(t), table.remove(t), table.remove(t, 1), table.concat(t), table.remove({}), table.remove(t, 3), #t)
print(pcall(table.insert, t, 5, 'x'), pcall(table.insert, t), pcall(table.insert, t, 1, 2, 3), pcall(table.remove, t, 7))
return table.concat(t, ','), pcall(table.insert, nil, 1)
---- unpack and pack
print(table.unpack({1, 2, 3}), table.unpack({1, 2, 3}, 2), table.unpack({1, 2, 3}, 2, 3), table.unpack({}, 1, 3))
local p = table.pack()
return p.n, table.pack(nil, nil).n, pcall(table.unpack, {}, 1, 1e8), table.unpack({1, 2}, -1, 1)
---- move
local t = {1, 2, 3, 4, 5}
print(table.concat(table.move(t, 2, 5, 1), ' '), table.concat(table.move({1, 2, 3}, 1, 3, 2), ' '), table.concat(table.move({1, 2, 3}, 1, 3, 3, {9, 9}), ' '))
return #table.move({1, 2, 3}, 1, 0, 5), pcall(table.move, {}, 1, 2), table.move({7}, 1, 1, 10)[10]
---- sort numbers and strings
local t = {5, 2, 8, 1.5, -3, 2, 0}
table.sort(t)
local u = {'pear', 'Apple', 'fig', 'apple', ''}
table.sort(u)
local v = {3, 1, 2}
table.sort(v, function(a, b) return a > b end)
return table.concat(t, ' '), table.concat(u, ','), table.concat(v, ' '), pcall(table.sort, {1, 'x'})
---- sort is the same everywhere, stable or not
local t = {}
for i = 1, 200 do t[i] = {k = i * 7919 % 17, i = i} end
table.sort(t, function(a, b) return a.k < b.k end)
local out = {}
for i = 1, 200, 9 do out[#out + 1] = t[i].k .. ':' .. t[i].i end
return table.concat(out, ' ')
---- sort of many
local t = {}
for i = 1, 5000 do t[i] = (i * 1103515245 + 12345) % 65536 end
table.sort(t)
local ok = true
for i = 2, #t do ok = ok and t[i - 1] <= t[i] end
local sum = 0
for i = 1, #t do sum = (sum * 31 + t[i]) % 1000000007 end
return ok, sum
---- sorts of sorted, reversed and equal values
local calls = 0
local function less(a, b) calls = calls + 1 return a < b end
local out = {}
for _, make in ipairs{function(i) return i end, function(i) return 300 - i end, function() return 1 end, function(i) return i % 2 end} do
  local t = {}
  for i = 1, 300 do t[i] = make(i) end
  calls = 0
  table.sort(t, less)
  out[#out + 1] = calls
end
return table.concat(out, ' ')
---- sort with an order that contradicts itself
local t = {}
for i = 1, 50 do t[i] = i end
local ok, e = pcall(table.sort, t, function(a, b) return true end)
return ok, e
---- quicksort and mergesort by hand
local function quick(t, lo, hi)
  lo, hi = lo or 1, hi or #t
  if lo >= hi then return t end
  local p, i = t[hi], lo
  for j = lo, hi - 1 do if t[j] < p then t[i], t[j] = t[j], t[i] i = i + 1 end end
  t[i], t[hi] = t[hi], t[i]
  quick(t, lo, i - 1)
  return quick(t, i + 1, hi)
end
local function merge(t)
  if #t < 2 then return t end
  local m = #t // 2
  local a, b, out = merge{table.unpack(t, 1, m)}, merge{table.unpack(t, m + 1)}, {}
  local i, j = 1, 1
  while i <= #a or j <= #b do
    if j > #b or i <= #a and a[i] <= b[j] then out[#out + 1] = a[i] i = i + 1 else out[#out + 1] = b[j] j = j + 1 end
  end
  return out
end
local t = {9, 4, 7, 1, 8, 2, 2, 6}
quick(t)
return table.concat(t, ' '), table.concat(merge{5, 3, 9, 1, 3}, ' ')
---- binary search
local t = {}
for i = 1, 100 do t[i] = i * 3 end
local function search(x) local lo, hi = 1, #t while lo <= hi do local m = (lo + hi) // 2 if t[m] == x then return m elseif t[m] < x then lo = m + 1 else hi = m - 1 end end return nil, lo end
return search(3), search(300), search(150), search(4), search(1000)
---- a heap
local Heap = {} Heap.__index = Heap
function Heap:push(v) local i = #self + 1 self[i] = v while i > 1 and self[i // 2] > self[i] do self[i], self[i // 2] = self[i // 2], self[i] i = i // 2 end end
function Heap:pop()
  local top, n = self[1], #self
  self[1] = self[n] self[n] = nil n = n - 1
  local i = 1
  while true do
    local l, s = 2 * i, i
    if l <= n and self[l] < self[s] then s = l end
    if l + 1 <= n and self[l + 1] < self[s] then s = l + 1 end
    if s == i then return top end
    self[i], self[s] = self[s], self[i] i = s
  end
end
local h = setmetatable({}, Heap)
for _, v in ipairs{5, 3, 8, 1, 9, 2, 7} do h:push(v) end
local out = {}
while #h > 0 do out[#out + 1] = h:pop() end
return table.concat(out, ' ')
---- a linked list
local list
for i = 1, 5 do list = {value = i, next = list} end
local function reverse(l) local r while l do l, l.next, r = l.next, r, l end return r end
local out, l = {}, list
while l do out[#out + 1] = l.value l = l.next end
return table.concat(out, '>')
---- a binary tree
local function insert(t, v) if not t then return {v = v} end if v < t.v then t.l = insert(t.l, v) else t.r = insert(t.r, v) end return t end
local function walk(t, f, d) if t then walk(t.l, f, d + 1) f(t.v, d) walk(t.r, f, d + 1) end end
local tree
for _, v in ipairs{50, 30, 70, 20, 40, 60, 80, 30} do tree = insert(tree, v) end
local out = {}
walk(tree, function(v, d) out[#out + 1] = v .. '@' .. d end, 0)
return table.concat(out, ' ')
---- shortest paths
local graph = {A = {B = 7, C = 9, F = 14}, B = {A = 7, C = 10, D = 15}, C = {A = 9, B = 10, D = 11, F = 2}, D = {B = 15, C = 11, E = 6}, E = {D = 6, F = 9}, F = {A = 14, C = 2, E = 9}}
local dist, done = {A = 0}, {}
while true do
  local best
  for n, d in pairs(dist) do if not done[n] and (not best or d < dist[best]) then best = n end end
  if not best then break end
  done[best] = true
  for n, w in pairs(graph[best]) do local d = dist[best] + w if not dist[n] or d < dist[n] then dist[n] = d end end
end
return dist
---- topological order
local deps = {shirt = {}, tie = {'shirt'}, jacket = {'tie', 'belt'}, belt = {'trousers'}, trousers = {}, shoes = {'trousers', 'socks'}, socks = {}}
local order, state = {}, {}
local names = {}
for n in pairs(deps) do names[#names + 1] = n end
table.sort(names)
local function visit(n) if state[n] == 1 then error('cycle') end if not state[n] then state[n] = 1 for _, d in ipairs(deps[n]) do visit(d) end state[n] = 2 order[#order + 1] = n end end
for _, n in ipairs(names) do visit(n) end
return table.concat(order, ' ')
---- flood fill
local map = {'#######', '#..#..#', '#.##..#', '#.....#', '#######'}
local seen, queue, n = {}, {{2, 2}}, 0
while #queue > 0 do
  local p = table.remove(queue, 1)
  local k = p[1] .. ',' .. p[2]
  if not seen[k] and map[p[2]]:sub(p[1], p[1]) == '.' then
    seen[k] = true n = n + 1
    for _, d in ipairs{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} do queue[#queue + 1] = {p[1] + d[1], p[2] + d[2]} end
  end
end
return n
---- the game of life
local g = {}
for y = 1, 8 do g[y] = {} for x = 1, 8 do g[y][x] = 0 end end
for _, p in ipairs{{2, 1}, {3, 2}, {1, 3}, {2, 3}, {3, 3}} do g[p[2]][p[1]] = 1 end
local function step(g)
  local n = {}
  for y = 1, 8 do
    n[y] = {}
    for x = 1, 8 do
      local c = 0
      for dy = -1, 1 do for dx = -1, 1 do if dy ~= 0 or dx ~= 0 then c = c + g[(y + dy - 1) % 8 + 1][(x + dx - 1) % 8 + 1] end end end
      n[y][x] = (c == 3 or c == 2 and g[y][x] == 1) and 1 or 0
    end
  end
  return n
end
for _ = 1, 12 do g = step(g) end
for y = 1, 8 do print(table.concat(g[y])) end
---- deep copies and equality
local function copy(t, seen) seen = seen or {} if type(t) ~= 'table' then return t end if seen[t] then return seen[t] end local c = {} seen[t] = c for k, v in pairs(t) do c[copy(k, seen)] = copy(v, seen) end return c end
local function equal(a, b) if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end for k, v in pairs(a) do if not equal(v, b[k]) then return false end end for k in pairs(b) do if a[k] == nil then return false end end return true end
local t = {1, {2, {3}}, x = {y = 'z'}}
t.self = t
local c = copy(t)
t.self, c.self = nil, c.self == c
return equal(copy(t), t), c.self, c[2] ~= t[2]
---- group, map, filter, reduce
local function map(t, f) local r = {} for i, v in ipairs(t) do r[i] = f(v) end return r end
local function filter(t, f) local r = {} for _, v in ipairs(t) do if f(v) then r[#r + 1] = v end end return r end
local function reduce(t, f, a) for _, v in ipairs(t) do a = f(a, v) end return a end
local t = {1, 2, 3, 4, 5, 6, 7, 8}
local groups = {}
for _, v in ipairs(t) do local k = v % 3 groups[k] = groups[k] or {} table.insert(groups[k], v) end
return table.concat(map(filter(t, function(v) return v % 2 == 0 end), function(v) return v * v end), ' '), reduce(t, math.max, 0), groups
---- lists and maps as results
return {1, 2, 3}, {}, list{}, map{}, {a = 1, [1] = 2}, {1, nil, 3}, {[1] = 'a', [3] = 'c'}, list{'x'}, map{[1] = 'x'}, {{}, {{}}}, {[1.5] = true, [true] = 1.5}
---- marks follow the rules
local l = list{1, 2}
l[3] = 3
print(getmetatable(l), getmetatable({}), getmetatable(list()), getmetatable(map()))
l.x = 1
return l, pcall(list, 5), getmetatable(map{})
---- the address of a table is a number of its own
local a, b = {}, {}
local f = function() end
print(a, b, a, f, print == print, coroutine.create(f))
return tostring(a) == tostring(a), tostring(a) ~= tostring(b), #tostring(a)
---- integer and float keys are one
local t = {}
t[1] = 'a' t[1.0] = 'b' t[2^53] = 'c' t['1'] = 'd'
return t[1], t[1.0], t[2^53 | 0], t['1'], #t
---- rawget, rawset, rawlen, rawequal
local t = setmetatable({1, 2}, {__index = function() return 'none' end, __newindex = function() error('no') end, __len = function() return 99 end, __eq = function() return true end})
rawset(t, 3, 'x')
return rawget(t, 3), rawget(t, 9), t[9], rawlen(t), #t, rawlen('abc'), rawequal(t, setmetatable({}, getmetatable(t))), pcall(rawlen, 5)
---- ipairs stops at the first hole and asks metamethods
local t = setmetatable({1, 2}, {__index = function(_, i) if i <= 4 then return i * 10 end end})
local out = {}
for i, v in ipairs(t) do out[#out + 1] = v end
for i, v in ipairs{1, nil, 3} do out[#out + 1] = 'i' .. i end
return table.concat(out, ' '), pcall(ipairs), select('#', ipairs({}))
---- next by hand
local t = {10, 20, x = 30}
local n, k, v = 0, nil, nil
repeat k, v = next(t, k) if k then n = n + v end until not k
return n, next({}), type(next), pcall(next, {}, 'missing')
---- tables grow and shrink
local t = {}
for i = 1, 10000 do t[i] = i end
for i = 10000, 11, -1 do t[i] = nil end
for i = 1, 100 do t['k' .. i] = i end
local n = 0
for _ in pairs(t) do n = n + 1 end
return #t, n
---- concat of many
local t = {}
for i = 1, 1000 do t[i] = i % 10 end
local s = table.concat(t)
return #s, s:sub(1, 20), #table.concat(t, ', '), table.concat({1.5, 2, 'x'}, '|')
