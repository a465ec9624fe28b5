---- sub, negative positions and ends
local s = 'hello world'
print(s:sub(1, 5), s:sub(-5), s:sub(-5, -3), s:sub(3), s:sub(0), s:sub(20), s:sub(-100, 2), s:sub(5, 2))
return s:sub(math.mininteger, math.maxinteger) == s, s:byte(1, 3), s:byte(-1), s:byte(100)
---- rep, reverse, case, len
return ('ab'):rep(3), ('ab'):rep(3, ','), ('x'):rep(0), ('x'):rep(-1), ('abc'):reverse(), ('MiXed'):upper(), ('MiXed'):lower(), #'', #'\0\0'
---- long repetitions are exact
local s = ('abc'):rep(1000, '-')
local n, m = 0, 0
for a in s:gmatch('abc') do n = n + 1 end
for a in s:gmatch('-') do m = m + 1 end
return #s, n, m, s:sub(-7), ('é'):rep(700):sub(-4), #('x'):rep(1025)
---- find, plain and with patterns
local s = 'a.b+c a.b'
print(s:find('a.b'), s:find('.', 1, true), s:find('b+'), s:find('+', 1, true), s:find('a.b', 2), s:find('a.b', 2, true))
print(s:find(''), s:find('', 5), s:find('', 10), s:find('', 11), s:find('', -3), s:find('zzz'), s:find('c a', -5, true))
print(('aaab'):find('aab', 1, true), ('aaaa'):find('b', 1, true), (''):find('x', 1, true), ('x'):find('x', -10, true), ('x'):find('x', 2, true))
return ('a\0b\0c'):find('\0c', 1, true), ('abc'):find('b', -2), ('abc'):find('b', -1)
---- match and captures
print(('key = value'):match('^(%w+)%s*=%s*(%w+)$'))
print(('2026-11-24'):match('(%d+)-(%d+)-(%d+)'))
print(('abc'):match('()b()'), ('abc'):match('.-'), ('abc'):match('.*'), ('  x '):match('^%s*(.-)%s*$'))
print(('[[x]]'):match('%[%[(.-)%]%]'), ('f(a(b)c)d'):match('%b()'), ('THE (quick) fox'):find('%((%a+)%)'))
print(('hello'):match('(h)(e)(l)(l)(o)'), ('x'):match('y'), ('abcabc'):match('(abc)%1'))
return ('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)
---- gsub with strings, tables and functions
print(('hello world'):gsub('o', '0'), ('hello'):gsub('', '-'), ('abc'):gsub('%w', '%0%0'), ('abc'):gsub('%w', '%%'))
print(('$name is $age'):gsub('%$(%w+)', {name = 'Ada', age = 36}))
print(('a b c'):gsub('%a', function(c) if c == 'b' then return false end return c:upper() end))
print(('abc abc'):gsub('abc', 'x', 1), ('abc'):gsub('b', '%1'), ('a,b,,c'):gsub(',', ';'))
print(('x = 1'):gsub('(%w+) = (%w+)', '%2 = %1'))
return pcall(string.gsub, 'x', 'x', '%2'), pcall(string.gsub, 'x', '(', '')
---- gmatch
local out = {}
for k, v in ('a=1, b=2, c=3'):gmatch('(%w+)=(%w+)') do out[#out + 1] = k .. v end
for p in ('abc'):gmatch('()') do out[#out + 1] = p end
for w in ('one two'):gmatch('%a+', 4) do out[#out + 1] = w end
for a in ('aXbX'):gmatch('(.-)X') do out[#out + 1] = '<' .. a .. '>' end
return table.concat(out, ' ')
---- classes of characters
local classes = {'%a', '%d', '%l', '%u', '%s', '%p', '%w', '%x', '%c', '%g', '[%w_]', '[^%s]', '[a-f]', '[%-x]', '[]]', '[^]]', '%%', '.'}
for _, class in ipairs(classes) do
  local n, sum = 0, 0
  for i = 0, 255 do if string.char(i):find('^' .. class .. '$') then n = n + 1 sum = sum + i end end
  print(class, n, sum)
end
---- anchors and frontiers
print(('abc'):find('^b'), ('abc'):find('c$'), ('a$'):find('a$'), ('a^b'):find('a^b'), ('$'):match('$$'))
print(('THE END the end'):gsub('%f[%w]%w+%f[%W]', function(w) return '<' .. w .. '>' end))
return ('foo.bar'):match('^(.-)%.?([^.]*)$')
---- quantifiers
local s = 'aaabbbccc'
return s:match('a*'), s:match('a+b-c'), s:match('a?b'), s:match('d*'), s:match('^a-$'), s:match('.-c'), s:match('.*b'), s:match('ab?b?b?c+')
---- format of integers
print(string.format('%d|%5d|%-5d|%05d|%+d|% d', 42, 42, 42, 42, 42, 42))
print(string.format('%x|%X|%#x|%o|%c|%i', 255, 255, 255, 8, 65, -7))
print(string.format('%d', 3.0), pcall(string.format, '%d', 3.5), pcall(string.format, '%d', '3.5'))
print(string.format('%d %d', math.maxinteger, math.mininteger), string.format('%x', -1))
return string.format('%.3d|%10.4d|%-10.4d|', 5, 5, 5)
---- format of floats
print(string.format('%f|%.2f|%10.3f|%-10.1f|%+.1f|%.0f', 1/3, 1/3, 1/3, 1/3, 1/3, 2.5))
print(string.format('%e|%.2E|%g|%G|%g|%g', 12345.678, 12345.678, 0.0001, 1e20, 1e15, 123456789))
print(string.format('%a|%.1a|%A', 1.0, 0.1, -255.5))
print(string.format('%f|%e|%g|%a', math.huge, -math.huge, math.huge, math.huge))
print(string.format('%.14g|%.17g|%.3g', 0.1, 0.1, 0.1), string.format('%5.1f|%g', -0.0, -0.0))
return string.format('%.99f', 1/3), #string.format('%.99f', 1e308)
---- format of NaN | not guest: natively, the processor's sign of NaN is shown
local n = 0/0
local m = -(0/0)
print(string.format('%f %e %g %a %5.1f %+f', n, n, n, n, n, n))
print(string.format('%e %E %G %A', n, m, n, m))
return n .. '', m .. '|', table.concat({n, m}, ' '), tostring(n), tostring(m), string.format('%s %s', n, m), #(m .. '')
---- format of strings
print(string.format('%s|%10s|%-10s|%.2s|%5.1s|', 'abc', 'abc', 'abc', 'abc', 'abc'))
print(string.format('%q', 'line\nquote" back\\ zero\0 tab\t high\200 1'))
print(string.format('%q %q %q %q', 1, 1.5, math.mininteger, true))
print(string.format('%q %q %q', 1/0, -1/0, 0.1), string.format('%q', nil))
print(string.format('%%'), string.format('%s %s', nil, false), pcall(string.format, '%s'))
return pcall(string.format, '%y', 1), pcall(string.format, '%10q', 'x'), pcall(string.format, '%123d', 1)
---- a table of formats
local out = {}
for _, f in ipairs{'%5.2f', '%-8s|', '%03d', '%+.3e', '%#o', '%x'} do
  local ok, s = pcall(string.format, f, 10)
  out[#out + 1] = s
end
return table.concat(out, ' ')
---- tostring and tonumber
print(tostring(1), tostring(1.0), tostring(-0.0), tostring(1e15), tostring(1e16), tostring(1e100), tostring(0.1), tostring(1/3), tostring(2^53), tostring(2^63))
print(tonumber('10'), tonumber('0x10'), tonumber('1e2'), tonumber(' 5 '), tonumber('5x'), tonumber(''), tonumber('0x1p4'), tonumber('0x.8'), tonumber('1.'), tonumber('.5'), tonumber('.'))
print(tonumber('10', 2), tonumber('zz', 36), tonumber('ff', 16), tonumber('8', 8), tonumber('-7', 8), tonumber(' 11 ', 2), pcall(tonumber, 1, 2), pcall(tonumber, '1', 99))
print(tonumber('9223372036854775807'), tonumber('9223372036854775808'), tonumber('-9223372036854775808'), tonumber('0xffffffffffffffffff'), tonumber('1e400'), tonumber('inf'), tonumber('nan'))
return tonumber(nil == nil), tonumber('1_000'), math.tointeger('8'), math.tointeger(8.0), math.tointeger(8.5), tonumber('0x'), tonumber('1e'), tonumber('1 2')
---- numbers and strings convert
return '10' + 5, '0x10' * 2, '3' .. 4, 10 .. '', '2' ^ 2, '7' // 2, '7.5' % 2, -'3', '10' < '9', pcall(function() return 1 < '2' end), 1.5 .. '|', 2^31 .. '|', -0.0 .. ''
---- escapes in literals
local s = '\65\066\x43\u{44}\z
           E\
F\a\b\f\n\r\t\v\\\'\"\u{20AC}\u{10FFFF}'
local l = [[
first
]]
local m = [==[a]]b]=]c]==]
return #s, s:sub(1, 5), l, m, #'\u{7FFFFFFF}', '\0end'
---- joining and splitting
local function split(s, sep) local out = {} for piece in (s .. sep):gmatch('(.-)' .. sep:gsub('%p', '%%%0')) do out[#out + 1] = piece end return out end
local parts = split('a,b,,c,', ',')
print(#parts, table.concat(parts, '|'), table.concat(split('1.2.3', '.'), ' '), #split('', ','))
return table.concat({1, 2.5, 'x'}, ', '), table.concat({}, 'x'), table.concat({1, 2, 3}, '-', 2, 3), pcall(table.concat, {1, {}, 3})
---- pack and unpack integers
local s = string.pack('<i1i2i4i8', -1, -2, -3, -4)
print(#s, string.unpack('<i1i2i4i8', s))
print(string.pack('>I2', 258):byte(1, -1))
print(string.unpack('<I3', '\1\2\3'), string.unpack('>I3', '\1\2\3'), pcall(string.pack, 'i1', 200), string.packsize('i1!4i4'))
return (string.pack('<j', math.mininteger):gsub('.', function(c) return string.format('%02x', c:byte()) end)), pcall(string.unpack, '<i16', ('\255'):rep(16))
---- pack and unpack floats and strings
local s = string.pack('<dfn', 1.5, 0.25, -0.0)
print((s:gsub('.', function(c) return string.format('%02x', c:byte()) end)))
print(string.unpack('<dfn', s))
print((string.pack('<d', 0/0):gsub('.', function(c) return string.format('%02x', c:byte()) end)))
print(string.unpack('z s1 s2', string.pack('<z s1 s2', 'zero', 'one', 'two')))
return string.unpack('c3', 'abcdef'), pcall(string.unpack, 'i4', 'abc'), pcall(string.pack, 'z', 'a\0b'), string.unpack('<!4 i1 Xi4 i4', string.pack('<!4 i1 Xi4 i4', 1, 2))
---- utf8
local s = 'aé€😀'
print(utf8.len(s), #s, utf8.codepoint(s, 1, -1))
for p, c in utf8.codes(s) do print(p, c, utf8.char(c)) end
print(utf8.offset(s, 3), utf8.offset(s, -1), utf8.offset(s, 0, 5), utf8.len('\xff'), utf8.len(s, 2, 3), pcall(utf8.len, s, 100))
print(utf8.char(72, 228, 8364, 128512), utf8.charpattern == '[\0-\x7F\xC2-\xFD][\x80-\xBF]*', pcall(utf8.codepoint, '\xff'))
local out = {}
for c in s:gmatch(utf8.charpattern) do out[#out + 1] = #c end
return table.concat(out, ' '), utf8.len('\u{D800}', 1, -1, true), utf8.len('\u{D800}'), utf8.len(s, 2.0), utf8.offset(s, 2.0)
---- comparing strings
return 'a' < 'b', 'a' < 'B', 'Z' < 'a', '' < 'a', 'a' < 'aa', 'a\0b' < 'a\0c', 'a\0' > 'a', 'é' > 'z', '\xff' > 'a', 'a' <= 'a', ('x'):rep(1000) .. 'a' < ('x'):rep(1000) .. 'b'
---- caesar and rot13
local function rot(s, n) return (s:gsub('%a', function(c) local b = c:lower() == c and 97 or 65 return string.char((c:byte() - b + n) % 26 + b) end)) end
return rot('Hello, World', 13), rot(rot('Hello, World', 13), 13), rot('xyz', 3)
---- base64
local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function encode(s)
  return (s:gsub('..?.?', function(c)
    local a, b, d = c:byte(1, 3)
    local n = a << 16 | (b or 0) << 8 | (d or 0)
    local out = ''
    for i = 3, 0, -1 do local k = (n >> 6 * i & 63) + 1 out = out .. alphabet:sub(k, k) end
    return out:sub(1, #c + 1) .. ('='):rep(3 - #c)
  end))
end
return encode(''), encode('f'), encode('fo'), encode('foo'), encode('foobar'), encode('\0\255\128')
---- crc32
local function crc32(s)
  local crc = 0xffffffff
  for i = 1, #s do
    crc = crc ~ s:byte(i)
    for _ = 1, 8 do crc = crc & 1 == 1 and (crc >> 1) ~ 0xedb88320 or crc >> 1 end
  end
  return crc ~ 0xffffffff
end
return string.format('%08x %08x %08x', crc32(''), crc32('123456789'), crc32(('x'):rep(1000)))
---- a hash of words
local h = 5381
for c in ('the quick brown fox jumps over the lazy dog'):gmatch('.') do h = (h * 33 ~ c:byte()) & 0xffffffff end
return h, string.format('%x', h)
---- wrapping text
local text = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.'
local line, lines = '', {}
for word in text:gmatch('%S+') do
  if #line + #word + 1 > 30 and line ~= '' then lines[#lines + 1] = line line = word else line = line == '' and word or line .. ' ' .. word end
end
lines[#lines + 1] = line
print(table.concat(lines, '\n'))
return #lines
---- roman numerals
local function roman(n)
  local out = {}
  for _, p in ipairs{{1000, 'M'}, {900, 'CM'}, {500, 'D'}, {400, 'CD'}, {100, 'C'}, {90, 'XC'}, {50, 'L'}, {40, 'XL'}, {10, 'X'}, {9, 'IX'}, {5, 'V'}, {4, 'IV'}, {1, 'I'}} do
    while n >= p[1] do out[#out + 1] = p[2] n = n - p[1] end
  end
  return table.concat(out)
end
return roman(1), roman(1994), roman(2026), roman(3999)
---- palindromes and anagrams
local function clean(s) return s:lower():gsub('%A', '') end
local function is(s) local c = clean(s) return c == c:reverse() end
local function key(s) local t = {} for c in s:gmatch('.') do t[#t + 1] = c end table.sort(t) return table.concat(t) end
return is('A man, a plan, a canal: Panama'), is('nope'), key('listen') == key('silent')
---- json written by hand
local function json(v)
  local t = type(v)
  if t == 'table' then
    if #v > 0 or next(v) == nil then local o = {} for i = 1, #v do o[i] = json(v[i]) end return '[' .. table.concat(o, ',') .. ']' end
    local keys, o = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys)
    for i, k in ipairs(keys) do o[i] = json(k) .. ':' .. json(v[k]) end
    return '{' .. table.concat(o, ',') .. '}'
  elseif t == 'string' then return '"' .. v:gsub('[%c"\\]', function(c) return string.format('\\u%04x', c:byte()) end) .. '"'
  else return tostring(v) end
end
return json{a = {1, 2, {b = true}}, c = 'x"y\n', d = {}, e = 1.5, f = false}
---- json read by hand
local function parse(s)
  local p = 1
  local value
  local function ws() p = s:find('%S', p) or #s + 1 end
  function value()
    ws()
    local c = s:sub(p, p)
    if c == '{' then
      p = p + 1 local t = {} ws()
      if s:sub(p, p) == '}' then p = p + 1 return t end
      while true do ws() local k = value() ws() assert(s:sub(p, p) == ':', 'colon') p = p + 1 t[k] = value() ws() local d = s:sub(p, p) p = p + 1 if d == '}' then return t end assert(d == ',', 'comma') end
    elseif c == '[' then
      p = p + 1 local t = {} ws()
      if s:sub(p, p) == ']' then p = p + 1 return t end
      while true do t[#t + 1] = value() ws() local d = s:sub(p, p) p = p + 1 if d == ']' then return t end assert(d == ',', 'comma') end
    elseif c == '"' then local a, b, v = s:find('^"(.-)"', p) p = b + 1 return v
    elseif s:find('^true', p) then p = p + 4 return true
    elseif s:find('^false', p) then p = p + 5 return false
    else local a, b = s:find('^-?%d+%.?%d*[eE]?[+-]?%d*', p) assert(a, 'value at ' .. p) p = b + 1 return tonumber(s:sub(a, b)) end
  end
  return value()
end
local t = parse('{"a": [1, 2.5, -3e2], "b": {"c": "text", "d": true}, "e": []}')
return t.a[1], t.a[2], t.a[3], t.b.c, t.b.d, #t.e, pcall(parse, '[1 2]'), pcall(parse, '?')
---- a tokenizer
local src = 'local x = 10 + y_1 * "str" -- comment'
local tokens, p = {}, 1
local rules = {{'^%s+', nil}, {'^%-%-[^\n]*', nil}, {'^[%a_][%w_]*', 'name'}, {'^%d+', 'number'}, {'^"[^"]*"', 'string'}, {'^%p', 'op'}}
while p <= #src do
  for _, r in ipairs(rules) do
    local a, b = src:find(r[1], p)
    if a then if r[2] then tokens[#tokens + 1] = r[2] .. ':' .. src:sub(a, b) end p = b + 1 break end
  end
end
return table.concat(tokens, ' ')
---- levenshtein
local function distance(a, b)
  local prev = {}
  for j = 0, #b do prev[j] = j end
  for i = 1, #a do
    local cur = {[0] = i}
    for j = 1, #b do cur[j] = math.min(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (a:byte(i) == b:byte(j) and 0 or 1)) end
    prev = cur
  end
  return prev[#b]
end
return distance('kitten', 'sitting'), distance('', 'abc'), distance('flaw', 'lawn'), distance('same', 'same')
---- run lengths
local function rle(s) return (s:gsub('(.)%1*', function(c) return c end)) end
local function encode(s) local out, i = {}, 1 while i <= #s do local c = s:sub(i, i) local j = i while s:sub(j + 1, j + 1) == c do j = j + 1 end out[#out + 1] = (j - i + 1) .. c i = j + 1 end return table.concat(out) end
return encode('aaabbc'), encode(''), encode('xyz'), encode(('z'):rep(100))
---- sorting words by length and name
local words = {}
for w in ('it was the best of times it was the worst of times'):gmatch('%a+') do words[#words + 1] = w end
table.sort(words, function(a, b) if #a ~= #b then return #a < #b end return a < b end)
return table.concat(words, ' ')
---- templates
local function render(t, v) return (t:gsub('{{(.-)}}', function(e) local f = load('return ' .. e, 'template', 't', v) return f and tostring(f()) or '?' end)) end
return render('{{name}} has {{#items}} items, {{price * 2}} {{bad syntax}}', {name = 'Ann', items = {1, 2, 3}, price = 2.5})
---- error messages of the string library
print(pcall(string.rep))
print(pcall(string.rep, 'x', 'y'))
print(pcall(string.char, 256))
print(pcall(string.char, -1))
print(pcall(('x').rep, 'x', 1e100))
print(pcall(string.sub))
print(pcall(string.byte, {}, 1))
print(pcall(string.format, '%d', 'x'))
print(pcall(string.find, 'x', '%'))
print(pcall(string.find, 'x', '[a'))
print(pcall(string.find, 'x', '(()'))
print(pcall(string.find, 'x', '%f'))
print(pcall(string.gsub, 'x', 'x', true))
print(pcall(utf8.char, -1))
