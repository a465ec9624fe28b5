/** A plugin for TypeDoc: a member is told where it is declared, and not once more in each class that inherits it. */
import { Converter } from 'typedoc';

export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      if (reflection.inheritedFrom !== undefined) project.removeReflection(reflection);
    }
  });
}
