-- Coroutines suspended wherever code of Lua's can be left in the middle: tail calls, closing, methods, returns.
local yield = coroutine.yield
local function all(f, ...)
  local results, co = {}, coroutine.wrap(f)
  for i = 1, 9 do
    local ok, value = pcall(co, i, ...)
    results[i] = value
    if not ok then break end
  end
  return #results
end
local function tail(a) return yield(a, 1) end
local function tail_vararg(...) local a = ... return yield(a, ...) end
local function tail_tail(...) return tail_vararg(...) end
local function tail_closed(a) local get = function() return a end if a then return yield(get, get()) end return get end
local function tail_nothing() return yield() end
local function tail_many(a, b, c, d, e) return yield(e, d, c, b, a, yield(b)) end
all(tail); all(tail_vararg, 2, 3); all(tail_tail, nil, 4); all(tail_closed); all(tail_nothing); all(tail_many, 1, 2, 3, 4)
local function closing() return setmetatable({}, { __close = function(_, e) yield(e); return yield(1) end }) end
local function closes(...)
  local a <close> = closing()
  local b <close> = closing()
  return ..., yield(...)
end
local function closes_none() local a <close> = closing() end
local function closes_one(a) local b <close> = closing() return a end
local function closes_in_loop()
  for k, v in next, { 1, 2 }, nil, closing() do
    local c <close> = closing()
    if k == 2 then break end
  end
  while true do local d <close> = closing() if d then return d end end
end
all(closes, 5, 6); all(closes_none); all(closes_one); all(closes_in_loop)
local object = setmetatable({}, {
  __index = function(_, k) return yield(k) end,
  __newindex = function(_, k, v) return yield(k, v) end,
  __call = function(self, ...) return yield(...) end,
  __lt = function() return yield("lt") end, __le = function() return yield("le") end,
  __eq = function() return yield("eq") end, __len = function() return yield("len") end,
  __unm = function() return yield("unm") end, __concat = function() return yield("concat") end,
})
all(function(a)
  local b = object.field; object.field = b; b = object:method(a); b = object[a]; object[1] = b
  return object(a, b)
end)
all(function(a) return object(a) end)
all(function(a) if object < a then return 1 elseif object <= a then return 2 end return #object, -object end)
all(function(a) return "a" .. object .. "b", object == setmetatable({}, getmetatable(object)) end)
all(function(...) for v in object, ... do if v == 4 then return v end end end)
all(function(a) return pcall(pcall, yield, a) end)
all(function(a) local ok, b = pcall(yield, a) return select(yield(a) and 1 or 2, yield(b)) end)
return all(table.unpack, { 1, 2 })
