import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { CuError } from '../../src/errors.ts';
import { Session, storeImport } from '../../src/store/imports.ts';
import type { Ahead, Durability, Made } from '../../src/store/journal.ts';
import { MemoryJournal } from '../../src/store/memory.ts';
import { packEntries } from '../../src/store/pack.ts';
import type { LogRecord } from '../../src/store/record.ts';
import { emptyState } from '../../src/store/state.ts';
import { Transactor } from '../../src/store/transactor.ts';

/** A module with one export, `trap`, that is unreachable. */
const TRAP = new WebAssembly.Module(
  Uint8Array.from(
    Buffer.from('0061736d01000000010401600000030201000708010474726170' + '00000a05010300000b', 'hex'),
  ),
);

interface Seam {
  open(): [
    {
      get(key: Uint8Array): Uint8Array | undefined;
      reserve(): bigint;
    },
    bigint,
  ];
  Snapshot: { commit(snapshot: unknown, writes: Uint8Array): bigint };
  trap(): void;
}

/** The real seam, with a real trap beside it. */
function makeTransactor() {
  let engines = 0;
  const transactor = new Transactor(new MemoryJournal(), new Session(emptyState), (session: Session) => {
    engines++;
    const trap = new WebAssembly.Instance(TRAP).exports.trap as () => void;
    return { ...storeImport(session), trap } as Seam;
  });
  return { transactor, engines: () => engines };
}

const key = (name: string) => new TextEncoder().encode(name);
const put = (name: string, value: string) => (seam: Seam) =>
  seam.Snapshot.commit(seam.open()[0], packEntries([[key(name), key(value)]]));
const get = (name: string) => (seam: Seam) => {
  const value = seam.open()[0].get(key(name));
  return value && new TextDecoder().decode(value);
};
const code = async (promise: Promise<unknown>) => {
  try {
    return await promise;
  } catch (error) {
    assert.ok(error instanceof CuError, String(error));
    return error.code;
  }
};

test('calls_run_in_the_order_in_which_they_were_made', async () => {
  const { transactor } = makeTransactor();
  const results = await Promise.all([
    transactor.submit('read', get('a')),
    transactor.submit('write', put('a', '1')),
    transactor.submit('read', get('a')),
    transactor.submit('write', put('a', '2')),
    transactor.submit('write', get('a')),
    transactor.submit('read', get('a')),
  ]);
  assert.deepEqual(results, [undefined, 1n, '1', 2n, '2', '2']);
});

test('a_trap_rejects_its_call_only_and_the_next_call_has_a_new_instance', async () => {
  const { transactor, engines } = makeTransactor();
  const results = await Promise.all([
    code(transactor.submit('write', put('a', '1'))),
    code(transactor.submit('write', (seam) => seam.trap())),
    code(transactor.submit('write', put('b', '2'))),
    code(transactor.submit('read', get('a'))),
  ]);
  assert.deepEqual(results, [1n, 'trapped', 2n, '1']);
  assert.equal(engines(), 2);
});

test('a_call_that_fails_after_its_commit_has_changed_nothing', async () => {
  const { transactor } = makeTransactor();
  const failing = (seam: Seam) => {
    put('a', '1')(seam);
    seam.trap();
  };
  assert.equal(await code(transactor.submit('write', failing)), 'trapped');
  assert.equal(await transactor.submit('read', get('a')), undefined);
  assert.equal(await transactor.submit('write', put('b', '1')), 1n);
});

test('a_call_that_only_reads_can_not_commit', async () => {
  const { transactor } = makeTransactor();
  assert.equal(await code(transactor.submit('read', put('a', '1'))), 'store-read-only');
  assert.equal(await transactor.submit('read', get('a')), undefined);
});

test('a_commit_without_writes_is_none', async () => {
  const { transactor } = makeTransactor();
  const nothing = (seam: Seam) => seam.Snapshot.commit(seam.open()[0], new Uint8Array(0));
  assert.equal(await transactor.submit('read', nothing), 0n);
  assert.equal(await transactor.submit('write', nothing), 0n);
  assert.equal(await transactor.submit('write', put('a', '1')), 1n);
});

test('a_snapshot_does_not_see_later_commits', async () => {
  const { transactor } = makeTransactor();
  const [before, after] = await transactor.submit('write', (seam) => {
    const [snapshot] = seam.open();
    put('a', '1')(seam);
    return [snapshot.get(key('a')), seam.open()[1]];
  });
  assert.deepEqual([before, after], [undefined, 1n]);
});

test('a_snapshot_that_is_held_over_a_commit_can_be_read_and_not_written', async () => {
  const { transactor } = makeTransactor();
  const held = await transactor.submit('read', (seam) => seam.open()[0]);
  await transactor.submit('write', put('a', '1'));
  const late = (writes: Uint8Array) =>
    transactor.submit('write', (seam) => seam.Snapshot.commit(held, writes));
  assert.equal(await transactor.submit('read', () => held.get(key('a'))), undefined);
  assert.equal(await code(late(packEntries([[key('b'), key('1')]]))), 'store-conflict');
  assert.equal(await late(new Uint8Array(0)), 1n);
  assert.equal(await transactor.submit('read', get('b')), undefined);
});

test('close_lets_earlier_calls_complete_and_refuses_later_ones', async () => {
  const { transactor } = makeTransactor();
  const early = transactor.submit('write', put('a', '1'));
  const closed = transactor.close();
  assert.equal(await code(transactor.submit('read', get('a'))), 'store-closed');
  assert.equal(await early, 1n);
  await closed;
});

test('many_reads_leave_the_page_its_turn', async () => {
  const { transactor } = makeTransactor();
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const busy = (milliseconds: number) => () => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: 40 }, () => transactor.submit('read', busy(10))));
  clearInterval(timer);
  assert.ok(turns >= 2, `${turns} turns`);
});

/** Two transactors, as in two tabs, over one log in memory. */
function makeTabs() {
  const log: LogRecord[] = [];
  class SharedJournal extends MemoryJournal {
    override async missed(version?: number): Promise<LogRecord[]> {
      return log.filter((record) => record.version > version!);
    }
    override async append(
      version: number,
      _durability: Durability,
      ahead: Ahead | undefined,
      work: Made,
    ): Promise<void> {
      ahead?.();
      const record = work(await this.missed(version));
      if (record !== undefined) log.push(record);
    }
  }
  const printed: string[][] = [];
  const tabs = [0, 1].map((tab) => {
    printed.push([]);
    return new Transactor(
      new SharedJournal(),
      new Session(emptyState),
      (session: Session) => ({
        ...(storeImport(session) as Seam),
        trap() {},
        print: (text: string) => session.printed.push(key(text)),
      }),
      (text) => printed[tab]!.push(new TextDecoder().decode(text)),
    );
  });
  return { tabs, printed, log };
}

test('a_call_that_ran_ahead_of_what_others_committed_runs_again_and_prints_once', async () => {
  const { tabs, printed, log } = makeTabs();
  const [left, right] = tabs as [(typeof tabs)[0], (typeof tabs)[0]];
  const increment = (seam: Seam & { print(text: string): void }) => {
    const next = Number(get('n')(seam) ?? 0) + 1;
    seam.print(`n is ${next}`);
    put('n', String(next))(seam);
    return next;
  };
  assert.equal(await left.submit('maybe', increment), 1);
  assert.equal(await right.submit('maybe', increment), 2);
  assert.deepEqual(
    await Promise.all([
      left.submit('maybe', increment),
      left.submit('maybe', increment),
      left.submit('read', get('n')),
    ]),
    [3, 4, '4'],
  );
  assert.deepEqual(printed, [['n is 1', 'n is 3', 'n is 4'], ['n is 2']]);
  assert.deepEqual(
    log.map(({ first, version }) => [first, version]),
    [
      [1, 1],
      [2, 2],
      [3, 4],
    ],
  );
});

test('a_call_that_turns_out_to_read_needs_no_append', async () => {
  const { tabs, log } = makeTabs();
  const [left, right] = tabs as [(typeof tabs)[0], (typeof tabs)[0]];
  await left.submit('write', put('a', '1'));
  // The other tab has not heard of it, and nothing makes it look.
  assert.equal(await right.submit('maybe', get('a')), undefined);
  assert.equal(await right.submit('write', get('a')), '1');
  assert.equal(log.length, 1);
});

test('a_write_that_committed_nothing_fails_with_its_batch_only_if_nobody_told_what_others_committed', async () => {
  for (const isTold of [true, false]) {
    class FailingJournal extends MemoryJournal {
      override async append(
        _version: number,
        _durability: Durability,
        ahead: Ahead | undefined,
        work: Made,
      ): Promise<void> {
        ahead?.();
        if (isTold) work([]);
        throw new CuError('store-full', 'on purpose');
      }
    }
    const transactor = new Transactor(new FailingJournal(), new Session(emptyState), (session: Session) => ({
      ...(storeImport(session) as Seam),
      trap() {},
    }));
    const outcomes = await Promise.all([
      code(transactor.submit('write', get('a'))),
      code(transactor.submit('maybe', get('a'))),
      code(transactor.submit('write', put('a', '1'))),
      code(transactor.submit('read', get('a'))),
    ]);
    assert.deepEqual(outcomes, [isTold ? undefined : 'store-full', undefined, 'store-full', 'store-full']);
    assert.equal(await transactor.submit('read', get('a')), undefined);
  }
});

test('what_a_failing_call_printed_arrives_before_its_error', async () => {
  const { tabs, printed } = makeTabs();
  const failing = (seam: Seam & { print(text: string): void }) => {
    seam.print('last words');
    throw new CuError('script', 'on purpose');
  };
  assert.equal(await code(tabs[0]!.submit('maybe', failing)), 'script');
  assert.deepEqual(printed[0], ['last words']);
});

test('a_call_that_waits_can_be_taken_back_and_one_that_has_run_can_not', async () => {
  const { transactor } = makeTransactor();
  const stop = new AbortController();
  const first = transactor.submit('write', put('a', '1'), undefined, stop.signal);
  await first;
  const late = transactor.submit('write', put('b', '1'), undefined, stop.signal);
  const other = transactor.submit('write', put('c', '1'));
  stop.abort('enough');
  assert.equal(await code(late), 'cancelled');
  assert.equal(await code(transactor.submit('read', get('a'), undefined, stop.signal)), 'cancelled');
  assert.equal(await other, 2n);
  assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((name) => transactor.submit('read', get(name)))), [
    '1',
    undefined,
    '1',
  ]);
});

test('a_signal_that_is_raised_while_another_call_keeps_the_thread_is_heard_before_the_next_one_runs', async () => {
  for (const mode of ['read', 'write'] as const) {
    const { transactor } = makeTransactor();
    const stop = new AbortController();
    const running = transactor.submit(mode, () => {
      // As a message would come: not before the thread has its turn.
      setTimeout(() => stop.abort());
      const end = Date.now() + 20;
      while (Date.now() < end);
    });
    const waiting = transactor.submit('write', put('a', '1'), undefined, stop.signal);
    await running;
    assert.equal(await code(waiting), 'cancelled');
    assert.equal(await transactor.submit('read', get('a')), undefined);
  }
});

test('calls_leave_nothing_at_their_signal', async () => {
  const { transactor } = makeTransactor();
  const { signal } = new AbortController();
  for (let index = 0; index < 20; index++) {
    await transactor.submit('write', put('a', String(index)), undefined, signal);
    await code(
      transactor.submit(
        'read',
        () => {
          throw new CuError('invalid-query', 'none');
        },
        undefined,
        signal,
      ),
    );
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});
