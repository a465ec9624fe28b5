/** A labelled control. */
import type { ComponentChildren } from 'preact';

export function Field({
  label,
  class: name = '',
  children,
}: {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what is given.
    <label class={`field ${name}`}>
      <span>{label}</span>
      {children}
    </label>
  );
}
