/** The statistics: figures of now, and charts of the last minutes. */
import { bytes, count, milliseconds } from '../ui/format.ts';
import { Chart } from './chart.tsx';
import { type Sample, samples } from './samples.ts';

export function StatisticsPanel() {
  const all = samples.value;
  const last = all.at(-1);
  if (last === undefined) return <p class="empty">The first figures come in a second.</p>;
  const times = all.map(({ at }) => at);
  const series = (title: string, of: (sample: Sample, before: Sample) => number) => ({
    title,
    values: all.map((sample, at) => of(sample, all[at - 1] ?? sample)),
  });
  return (
    <div class="statistics">
      <Figures {...last} />
      <div class="charts">
        <Chart
          title="Operations per second"
          times={times}
          format={(value) => count(Math.round(value * 10) / 10)}
          series={[
            series('calls', ({ calls, at }, before) => calls.calls / Math.max(at - before.at, 1)),
            series('failed', ({ calls, at }, before) => calls.failures / Math.max(at - before.at, 1)),
          ]}
        />
        <Chart
          title="Latency, from the page and back"
          times={times}
          format={milliseconds}
          series={[
            series('median', ({ calls }) => calls.median),
            series('slowest', ({ calls }) => calls.slowest),
          ]}
        />
        <Chart
          title="Results of queries that are kept"
          times={times}
          format={(value) => count(Math.round(value))}
          series={[
            series('hits', ({ stats }, before) => Math.max(stats.cache.hits - before.stats.cache.hits, 0)),
            series('misses', ({ stats }, before) =>
              Math.max(stats.cache.misses - before.stats.cache.misses, 0),
            ),
          ]}
        />
        <Chart
          title="Segments before and after compression"
          times={times}
          format={bytes}
          series={[
            series('before', ({ storage }) => storage.compression.before),
            series('after', ({ storage }) => storage.compression.after),
          ]}
        />
        <Chart
          title="Storage"
          times={times}
          format={bytes}
          series={[
            series('in memory', ({ storage }) => storage.bytes),
            series('segments', ({ storage }) => storage.segmentBytes),
            series('log', ({ storage }) => storage.logBytes),
          ]}
        />
      </div>
    </div>
  );
}

function Figures({ stats, storage, quota }: Sample) {
  const { before, after } = storage.compression;
  const { hits, misses, bytes: kept } = stats.cache;
  const figures: readonly (readonly [string, string])[] = [
    ['Documents', count(stats.documents)],
    ['Tables', count(stats.tables)],
    ['Indexes', count(stats.indexes)],
    ['Functions', count(stats.functions)],
    [
      'Kept results',
      `${bytes(kept)}, ${hits + misses === 0 ? '–' : `${Math.round((100 * hits) / (hits + misses))} %`} hits`,
    ],
    ['Compression', after === 0 ? 'nothing yet' : `to ${Math.round((100 * after) / before)} %`],
    ['Stored', storage.kind === 'memory' ? 'in memory only' : bytes(storage.segmentBytes + storage.logBytes)],
    ['Of the quota', quota === undefined ? 'not told' : `${bytes(quota.usage)} of ${bytes(quota.quota)}`],
    ['Cu', `${stats.version}, format ${stats.format}`],
    ['Lua', stats.lua.replace(/^Lua /, '')],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, said]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{said}</dd>
        </div>
      ))}
    </dl>
  );
}
