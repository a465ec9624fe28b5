/** Light or dark: as the system says, or as was chosen here. */
import { effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];
const KEPT = 'cu-playground-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<Theme>(kept());

/** Whether the page is dark now; what draws with colours draws anew when it changes. */
export const dark = signal(system.matches);

system.addEventListener('change', decide);
effect(decide);

function decide(): void {
  document.documentElement.dataset.theme = theme.value;
  dark.value = theme.value === 'auto' ? system.matches : theme.value === 'dark';
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  try {
    localStorage.setItem(KEPT, theme.value);
  } catch {
    // A page without storage forgets it.
  }
}

function kept(): Theme {
  try {
    return THEMES.find((known) => known === localStorage.getItem(KEPT)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** A colour of the style sheet, as a canvas takes it. */
export function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
