/** The calls of `EnhancedCuWASM`, in an order in which each can be run. The page shows what stands in each function. */
import { EnhancedCuWASM } from 'cu-db/enhanced';

let lua: EnhancedCuWASM;

export async function init() {
  lua = await EnhancedCuWASM.init({ name: 'announced' });
  return [lua.isInitialized, lua.config];
}

export async function batchTableOperations() {
  return lua.batchTableOperations([
    { type: 'set', table: 'users', key: 'user1', value: { name: 'Ada', age: 36 } },
    { type: 'set', table: 'users', key: 'user2', value: { name: 'Eve', age: 17 } },
    { type: 'get', table: 'users', key: 'user1' },
    { type: 'delete', table: 'users', key: 'user3' },
    { type: 'query', table: 'users', query: { field: 'age', operator: '>', value: 18 } },
  ]);
}

export async function evaluate() {
  return lua.eval('Memory.users.user1.age = Memory.users.user1.age + 1  return Memory.users.user1');
}

export async function createIndex() {
  return [await lua.createIndex('users', 'age', 'btree'), await lua.createIndex('users', 'name', 'hash')];
}

export async function queryTable() {
  return lua.queryTable('users', { field: 'age', operator: '>=', value: 18, limit: 10, sort: 'desc' });
}

export async function persistFunction() {
  await lua.persistFunction('Memory', 'adult', 'function(user) return user.age >= 18 end');
  return lua.eval('return {_home.adult(_home.users.user1), _home.adult(_home.users.user2)}');
}

export async function errors() {
  const failed = lua.queryTable('users', { field: 'age', operator: '=', value: 1, limit: -1 });
  return failed.catch((error) => error.toJSON());
}

export async function getMemoryStats() {
  return lua.getMemoryStats();
}

export async function saveAndLoadState() {
  return [await lua.saveState(), await lua.loadState()];
}

export async function auditLog() {
  return lua.auditLog.slice(-3);
}
