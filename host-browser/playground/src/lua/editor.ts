/** The editor: CodeMirror with Lua. */
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands';
import {
  bracketMatching,
  indentOnInput,
  indentUnit,
  StreamLanguage,
  syntaxHighlighting,
} from '@codemirror/language';
import { lua } from '@codemirror/legacy-modes/mode/lua';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { complete } from './completions.ts';

/** What CodeMirror's own colours would win over in a style sheet. */
const marked = { backgroundColor: 'color-mix(in srgb, var(--second) 30%, transparent)' };
const colours = EditorView.theme({
  '.cm-selectionBackground': marked,
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': marked,
  '&.cm-focused .cm-matchingBracket': marked,
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: '6px',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--on-accent)',
  },
});

export interface Editor {
  readonly view: EditorView;
  source(): string;
  replace(source: string): void;
  /** Marks a line, counted from 1, with what is wrong there. */
  mark(line: number, message: string): void;
  unmark(): void;
}

/** Makes an editor in an element. Ctrl+Enter runs; Escape, then Tab leaves it. */
export function makeEditor(
  parent: HTMLElement,
  source: string,
  onRun: () => void,
  onChange: () => void,
): Editor {
  const run = () => {
    onRun();
    return true;
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: source,
      extensions: [
        keymap.of([{ key: 'Mod-Enter', run }]),
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        indentOnInput(),
        indentUnit.of('  '),
        bracketMatching(),
        closeBrackets(),
        StreamLanguage.define(lua),
        syntaxHighlighting(classHighlighter),
        autocompletion({ override: [complete] }),
        keymap.of([
          ...completionKeymap,
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          { key: 'Tab', run: indentMore, shift: indentLess },
        ]),
        colours,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'Lua source' }),
        EditorView.updateListener.of(({ docChanged }) => docChanged && onChange()),
      ],
    }),
  });
  return {
    view,
    source: () => view.state.doc.toString(),
    replace: (source) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: source } }),
    mark(line, message) {
      const { doc } = view.state;
      const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines));
      view.dispatch(setDiagnostics(view.state, [{ from, to, severity: 'error', message }]));
      view.dispatch({ effects: EditorView.scrollIntoView(from) });
    },
    unmark: () => view.dispatch(setDiagnostics(view.state, [])),
  };
}
