/** Scripts to begin with. */

export interface Example {
  readonly title: string;
  readonly source: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: 'Hello',
    source: `-- Each run is one transaction: an error takes back what it wrote.
_home.users = _home.users or {}
_home.users.ada = {name = "Ada", born = 1815, tags = list{"math", "poetry"}}
_home.users.grace = {name = "Grace", born = 1906, tags = list{"navy"}}

for key, user in pairs(_home.users) do
  print(key, user.name, user.born)
end
return db.users:query{sort = {"born"}}
`,
  },
  {
    title: 'Cities: the largest of a country',
    source: `-- Load the cities from the menu first.
return db.cities:query{
  where = {field = "country", op = "=", value = "JP"},
  sort = {{field = "population", descending = true}},
  limit = 10,
}
`,
  },
  {
    title: 'Cities: people by country',
    source: `local rows = db.cities:query{
  groupBy = {"country"},
  aggregate = {
    cities = {op = "count"},
    people = {op = "sum", field = "population"},
  },
  sort = {{field = "people", descending = true}},
  limit = 15,
}
print(#rows .. " countries")
return rows
`,
  },
  {
    title: 'A function that remembers',
    source: `-- Functions are kept with the variables around them.
local n = 0
_home.tools = _home.tools or {}
if not _home.tools.next then
  function _home.tools.next() n = n + 1 return n end
end
return _home.tools.next()
`,
  },
  {
    title: 'A transaction that is taken back',
    source: `_home.accounts = {ada = {balance = 10}, grace = {balance = 0}}

local function pay(from, to, amount)
  local payer = _home.accounts[from]
  payer.balance = payer.balance - amount
  _home.accounts[to].balance = _home.accounts[to].balance + amount
  if payer.balance < 0 then error(from .. " has not enough", 0) end
end

print(pcall(transaction, pay, "ada", "grace", 7))
print(pcall(transaction, pay, "ada", "grace", 7))
return _home.accounts.ada.balance, _home.accounts.grace.balance
`,
  },
  {
    title: 'A script to stop',
    source: `-- The Stop button ends it; so does the time limit. What it wrote is taken back.
_home.lost = {a = 1}
while true do end
`,
  },
];
