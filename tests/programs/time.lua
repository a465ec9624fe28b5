---- the time of the call
return os.time(), os.date('!%Y-%m-%d %H:%M:%S'), os.date('*t').year, math.type(os.time()), os.clock() >= 0
---- dates and seconds
print(os.time{year = 2000, month = 1, day = 1, hour = 0}, os.time{year = 2026, month = 11, day = 24}, os.time{year = 1970, month = 1, day = 1, hour = 0, sec = -1})
print(os.time{year = 2024, month = 14, day = -3, hour = 25, min = 61, sec = 61})
local t = os.date('*t', 86400 * 365)
return t.year, t.month, t.day, t.hour, t.min, t.sec, t.wday, t.yday, t.isdst, pcall(os.time, {year = 2000}), pcall(os.time, {year = 'x', month = 1, day = 1})
---- formats of dates
for _, f in ipairs{'%a %A %b %B', '%c', '%x %X %p', '%d/%m/%y', '%H:%M:%S', '%j %U %w %W', '%F %T', '%D %R', '%G-W%V-%u', '%I %e', '%%', '%n%t|', '%Z %z', '%s', '%h %C %g'} do print(f, pcall(os.date, '!' .. f, 1234567890)) end
---- leap years
local out = {}
for _, y in ipairs{1900, 1999, 2000, 2004, 2100} do out[#out + 1] = os.date('!%j', os.time{year = y, month = 12, day = 31, hour = 12}) end
return table.concat(out, ' ')
---- days of the week
local out = {}
for d = 1, 7 do out[d] = os.date('!%a %d', os.time{year = 2026, month = 11, day = 22 + d, hour = 12}) end
return table.concat(out, ', '), os.difftime(10, 4), os.date('!%A', 0)
---- a calendar
local first = os.date('*t', os.time{year = 2026, month = 2, day = 1, hour = 12}).wday
local line = ('   '):rep(first - 1)
for d = 1, 28 do
  line = line .. string.format('%2d ', d)
  if (d + first - 1) % 7 == 0 then print(line) line = '' end
end
return #line
---- far times
return os.date('!%Y', 253402300800), os.date('!%Y-%m-%d', -62135596800), pcall(os.date, '!%Y', math.maxinteger), pcall(os.date, '%Ez', 0), pcall(os.date, '%Q')
---- ages
local function age(y, m, d) local t = os.date('!*t') local a = t.year - y if t.month < m or t.month == m and t.day < d then a = a - 1 end return a end
return age(2000, 1, 1), age(2000, 12, 31), age(2001, 9, 9), age(2001, 9, 8)
