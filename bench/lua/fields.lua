-- Fields and methods of small objects.
local Account = {}
Account.__index = Account
function Account.new(name)
  return setmetatable({ name = name, balance = 0, entries = 0 }, Account)
end
function Account:deposit(amount)
  self.balance = self.balance + amount
  self.entries = self.entries + 1
end
local accounts = {}
for i = 1, 100 do
  accounts[i] = Account.new("a" .. i)
end
for i = 1, 1000000 do
  accounts[i % 100 + 1]:deposit(i % 7)
end
local sum = 0
for _, account in ipairs(accounts) do
  sum = sum + account.balance + account.entries
end
return sum
