import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import {
  bracketMatching,
  defaultHighlightStyle,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, Prec } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { useEffect, useRef } from 'react'

/**
 * An editor of JavaScript and TypeScript. Tab indents: after Escape, it leaves. Ctrl-Enter runs.
 *
 * @param shown  what is in it at first, and whenever `version` changes; what is typed then is told by `onChange` alone
 */
export function ScriptEditor({
  shown,
  version,
  isTyped,
  label,
  onChange,
  onRun,
}: {
  shown: string
  version: number
  /** TypeScript, not JavaScript. */
  isTyped: boolean
  label: string
  onChange: (source: string) => void
  onRun: () => void
}) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const language = useRef(new Compartment())
  const heard = useRef({ shown, isTyped, label, onChange, onRun })
  useEffect(() => {
    heard.current = { shown, isTyped, label, onChange, onRun }
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version is a new document, with a history of its own
  useEffect(() => {
    if (place.current === null) return
    const { shown, isTyped, label } = heard.current
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: shown,
        extensions: [
          language.current.of(javascript({ typescript: isTyped })),
          // Its styles are written into the document: without the page's nonce they would not count.
          EditorView.cspNonce.of(readNonce()),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of(({ docChanged, state }) => {
            if (docChanged) heard.current.onChange(state.doc.toString())
          }),
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => runIt(heard.current.onRun) }])),
          TYPE_OVER,
          EXTENSIONS,
        ],
      }),
    })
    view.current = made
    return () => made.destroy()
  }, [version])
  useEffect(() => {
    const effects = language.current.reconfigure(javascript({ typescript: isTyped }))
    view.current?.dispatch({ effects })
  }, [isTyped])
  return <div ref={place} />
}

/** @returns that the key has done its work */
function runIt(run: () => void): boolean {
  run()
  return true
}

function readNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
}

/**
 * What is typed over a selection is put there by us. The browser would rewrite the lines itself, with styles in them that the page's
 * policy refuses.
 */
const TYPE_OVER = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { inputType, data } = event
    const { from, to, empty } = view.state.selection.main
    if (inputType !== 'insertText' || data === null || empty || view.composing) return false
    event.preventDefault()
    const insert = () => view.state.update(view.state.replaceSelection(data), TYPED)
    const isTaken = view.state.facet(EditorView.inputHandler).some(take => take(view, from, to, data, insert))
    if (!isTaken) view.dispatch(insert())
    return true
  },
})
const TYPED = { userEvent: 'input.type', scrollIntoView: true }

/** The colours of the usual style, which are for a white ground, as they are by light and by dark; each 4.5:1 or more there. */
const BY_DARK: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  '#404740': ['#404740', '#ced4da'],
  '#708': ['#770088', '#e5b3f2'],
  '#219': ['#221199', '#b8c8ff'],
  '#164': ['#116644', '#9be0c0'],
  '#a11': ['#aa1111', '#f5b8a8'],
  '#e40': ['#a33100', '#ffc09f'],
  '#00f': ['#0000ff', '#a8d4ff'],
  '#30a': ['#3300aa', '#c8bcff'],
  '#085': ['#006b43', '#8fe0bd'],
  '#167': ['#116677', '#9bdfe8'],
  '#256': ['#225566', '#a9d5e0'],
  '#00c': ['#0000cc', '#a8d4ff'],
  '#940': ['#8a3d00', '#d9c3a5'],
  '#f00': ['#c00000', '#ff9c9c'],
}

const COLORS = HighlightStyle.define(
  defaultHighlightStyle.specs.map(spec => {
    const [light, dark] = BY_DARK[String(spec.color)] ?? []
    return light === undefined ? spec : { ...spec, color: `light-dark(${light}, ${dark})` }
  }),
)

const LOOK = EditorView.theme({
  '&': {
    border: '1px solid light-dark(#868e96, #868e96)',
    borderRadius: '4px',
    backgroundColor: 'light-dark(#ffffff, #1a1b1e)',
    color: 'light-dark(#1a1b1e, #e9ecef)',
    fontSize: '14px',
  },
  '&.cm-focused': { outline: '2px solid light-dark(#1864ab, #74c0fc)' },
  '.cm-scroller': {
    fontFamily: 'ui-monospace, Menlo, Consolas, monospace',
    minHeight: '12em',
    maxHeight: '50vh',
  },
  '.cm-gutters': {
    backgroundColor: 'light-dark(#f1f3f5, #25262b)',
    color: 'light-dark(#495057, #ced4da)',
    border: 'none',
  },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'light-dark(#eef2f7, #2c2e33)' },
  '.cm-cursor': { borderLeftColor: 'light-dark(#000000, #ffffff)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'light-dark(#c5dcf5, #364d6e)',
  },
  '.cm-tooltip, .cm-panels': {
    backgroundColor: 'light-dark(#ffffff, #25262b)',
    color: 'light-dark(#1a1b1e, #e9ecef)',
  },
})

const EXTENSIONS = [
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightActiveLine(),
  history(),
  drawSelection(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  autocompletion(),
  search({ top: true }),
  highlightSelectionMatches(),
  syntaxHighlighting(COLORS),
  LOOK,
  EditorView.lineWrapping,
  keymap.of([
    ...closeBracketsKeymap,
    ...completionKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    indentWithTab,
  ]),
]
