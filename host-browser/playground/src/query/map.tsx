/** The places of a table on a plot, those of the answer in another colour. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLoaded } from '../base/load.ts';
import { read, revision } from '../base/session.ts';
import { colour, dark } from '../base/theme.ts';
import { count, plural } from '../ui/format.ts';
import { type Place, placesOf } from './places.ts';

/** How many documents of the table are drawn behind the answer. */
const MOST_BEHIND = 20_000;

/** Nobody looks for places nearer to the poles. */
const NORTH = 80;
const SOUTH = -60;

/** Pixels within which a place is pointed at. */
const REACH = 12;

export function MapView({ table, rows }: { readonly table: string; readonly rows: readonly unknown[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [pointed, setPointed] = useState<Place>();
  const found = useMemo(() => placesOf(rows), [rows]);
  const { value: behind = [] } = useLoaded(
    async () => placesOf(await read((db) => db.query({ table, limit: MOST_BEHIND }))),
    [table, revision.value],
  );
  const height = Math.round((width * (NORTH - SOUTH)) / 360);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  const isDark = dark.value;
  useEffect(() => {
    if (width > 0) draw(canvas.current!, width, height, behind, found);
  }, [width, height, behind, found, isDark]);
  const point = ({ offsetX, offsetY }: PointerEvent) => setPointed(nearest(found, offsetX, offsetY, width));
  return (
    <div class="map">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${plural(found.length, 'place')} of the answer among ${count(behind.length)} of ${table}`}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => setPointed(undefined)}
      />
      <p class="hint" role="status">
        {pointed !== undefined
          ? `${pointed.name} (${pointed.latitude.toFixed(2)}, ${pointed.longitude.toFixed(2)})${pointed.weight > 0 ? `, ${count(pointed.weight)}` : ''}`
          : found.length === 0
            ? 'No row of the answer has a place: location.lat and location.lon, or lat and lon.'
            : `${plural(found.length, 'place')} of the answer among ${count(behind.length)} of the table.`}
      </p>
    </div>
  );
}

function x(place: Place, width: number): number {
  return ((place.longitude + 180) / 360) * width;
}

function y(place: Place, width: number): number {
  return ((NORTH - place.latitude) / 360) * width;
}

function draw(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  behind: readonly Place[],
  found: readonly Place[],
): void {
  const scale = devicePixelRatio;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  context.strokeStyle = colour('line');
  context.lineWidth = 0.5;
  context.beginPath();
  for (let longitude = -150; longitude <= 150; longitude += 30) {
    const at = ((longitude + 180) / 360) * width;
    context.moveTo(at, 0);
    context.lineTo(at, height);
  }
  for (let latitude = SOUTH + 30; latitude < NORTH; latitude += 30) {
    const at = ((NORTH - latitude) / 360) * width;
    context.moveTo(0, at);
    context.lineTo(width, at);
  }
  context.stroke();
  dots(context, behind, width, colour('faint'), () => Math.max(width / 1100, 0.6));
  const most = Math.max(...found.map(({ weight }) => weight), 1);
  context.globalAlpha = 0.8;
  dots(context, found, width, colour('accent'), ({ weight }) =>
    Math.max(1.5, (width / 130) * Math.sqrt(weight / most)),
  );
  context.globalAlpha = 1;
}

function dots(
  context: CanvasRenderingContext2D,
  places: readonly Place[],
  width: number,
  fill: string,
  radius: (place: Place) => number,
): void {
  context.fillStyle = fill;
  for (const place of places) {
    context.beginPath();
    context.arc(x(place, width), y(place, width), radius(place), 0, 2 * Math.PI);
    context.fill();
  }
}

function nearest(places: readonly Place[], atX: number, atY: number, width: number): Place | undefined {
  let best: Place | undefined;
  let least = REACH;
  for (const place of places) {
    const distance = Math.hypot(x(place, width) - atX, y(place, width) - atY);
    if (distance >= least) continue;
    best = place;
    least = distance;
  }
  return best;
}
