/** A chart of some series over time: uPlot in the colours of the page. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colour, dark } from '../base/theme.ts';

export interface Series {
  readonly title: string;
  readonly values: readonly number[];
}

interface Properties {
  readonly title: string;
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

const HEIGHT = 170;
const COLOURS = ['accent', 'second', 'third'];

export function Chart({ title, times, series, format }: Properties) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const isDark = dark.value;
  useEffect(() => {
    const made = new uPlot(
      optionsOf(place.current!, series, format),
      [[], ...series.map(() => [])],
      place.current!,
    );
    chart.current = made;
    const observer = new ResizeObserver(([entry]) =>
      made.setSize({ width: Math.floor(entry!.contentRect.width), height: HEIGHT }),
    );
    observer.observe(place.current!);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [isDark]);
  useEffect(() => {
    chart.current?.setData([[...times], ...series.map(({ values }) => [...values])]);
  }, [times, isDark]);
  return (
    <section class="card chart" aria-label={title}>
      <h3>{title}</h3>
      <p class="now">
        {series.map(({ title, values }, at) => (
          <span key={title}>
            <i style={{ background: `var(--${COLOURS[at]})` }} /> {title} {format(values.at(-1) ?? 0)}
          </span>
        ))}
      </p>
      <div ref={place} aria-hidden="true" />
    </section>
  );
}

function optionsOf(
  place: HTMLElement,
  series: readonly Series[],
  format: (value: number) => string,
): uPlot.Options {
  const axis = {
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
    font: '11px system-ui, sans-serif',
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
    axes: [
      { ...axis, size: 30, space: 70, values: (_, ticks) => ticks.map(clock) },
      { ...axis, size: 72, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...series.map(({ title }, at) => ({
        label: title,
        stroke: colour(COLOURS[at]!),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en', { hour12: false });
}
