import '@xterm/xterm/css/xterm.css'
import { Alert, Button, Group, Select, Text } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { MeshError } from '../../core/model/errors.ts'
import { PREDICT_MODES, type PredictMode } from '../../core/terminal/predicted-echo.ts'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import { chosenPredictMode, openPredictedTerminal, rememberPredictMode } from './predicted-terminal.ts'
import { openLine, type TerminalLine } from './terminal-line.ts'

/** Which terminal is shown: a new one, or one that is there. */
export interface TerminalPlace {
  readonly mesh: string
  readonly endpoint: string
  /** Attach to this session; a new one if absent. */
  readonly session?: string | undefined
  /** See, and type nothing. */
  readonly isReadOnly?: boolean
  /** Of an invitation to look. */
  readonly key?: string
}

type Line =
  | { readonly is: 'opening' | 'lost' }
  | { readonly is: 'open'; readonly isReadOnly: boolean; readonly isRecorded: boolean }
  | { readonly is: 'over'; readonly how: string }
  | { readonly is: 'refused'; readonly error: MeshError }

/**
 * A terminal at an endpoint. When the line to it breaks, it is opened again, and goes on where it was: the program at the other end
 * does not notice.
 */
export function TerminalView({ place, onOver }: { place: TerminalPlace; onOver: () => void }) {
  const { say } = useTexts()
  const screen = useRef<HTMLElement>(null)
  const [line, setLine] = useState<Line>({ is: 'opening' })
  const shown = useRef<ShownTerminal>(undefined)
  useEffect(() => {
    if (screen.current === null) return
    const terminal = runTerminal(screen.current, place, chosenPredictMode(), setLine)
    shown.current = terminal
    return () => terminal[Symbol.dispose]()
  }, [place])
  return (
    <>
      {line.is === 'lost' && (
        <Alert color="orange" role="status" mb="xs">
          {say('terminal.lost')}
        </Alert>
      )}
      {line.is === 'open' && (line.isReadOnly || line.isRecorded) && (
        <Text size="sm" role="status" mb="xs">
          {line.isReadOnly && say('terminal.readOnly')} {line.isRecorded && say('terminal.recorded')}
        </Text>
      )}
      {line.is === 'refused' && <Failure error={line.error} />}
      {line.is === 'over' && (
        <Group mb="xs" role="status">
          {say('terminal.over', { how: line.how })}
          <Button size="compact-xs" variant="default" onClick={onOver}>
            {say('action.close')}
          </Button>
        </Group>
      )}
      <section
        ref={screen}
        aria-label={say('terminal.screen')}
        style={{ height: '60vh', background: '#000' }}
      />
      {line.is === 'open' && !line.isReadOnly && (
        <PredictChoice onChoice={mode => shown.current?.predict(mode)} />
      )}
    </>
  )
}

/** When keys are shown before their echo; kept in this browser. */
function PredictChoice({ onChoice }: { onChoice: (mode: PredictMode) => void }) {
  const { say } = useTexts()
  const [mode, setMode] = useState(chosenPredictMode)
  return (
    <Select
      label={say('terminal.predict')}
      data={PREDICT_MODES.map(value => ({ value, label: say(`terminal.predict.${value}`) }))}
      value={mode}
      allowDeselect={false}
      maw={320}
      mt="xs"
      size="xs"
      onChange={value => {
        const next = PREDICT_MODES.find(one => one === value) ?? 'auto'
        setMode(next)
        rememberPredictMode(next)
        onChoice(next)
      }}
    />
  )
}

/** A terminal that is shown; the session stays when it is disposed. */
interface ShownTerminal extends Disposable {
  predict(mode: PredictMode): void
}

function runTerminal(
  element: HTMLElement,
  place: TerminalPlace,
  mode: PredictMode,
  tell: (line: Line) => void,
): ShownTerminal {
  let { session } = place
  let position = 0
  let line: TerminalLine | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  /** What is typed counts. */
  let isOpen = false
  /** Typed while there was no line. */
  let waiting: number[] = []
  let tryCount = 0

  const connect = () => {
    const { size } = terminal
    const request =
      session === undefined
        ? ({ kind: 'open', terminal: size, env: { TERM: 'xterm-256color', LANG: 'C.UTF-8' } } as const)
        : ({
            kind: 'attach',
            session,
            terminal: size,
            ...(position > 0 && { received: position }),
            ...(place.isReadOnly && { isReadOnly: true }),
            ...(place.key !== undefined && { key: place.key }),
          } as const)
    line = openLine(place.mesh, place.endpoint, request, {
      onOpen(id, from, { isReadOnly = false, isRecorded = false }) {
        session = id
        // What was lost in between is not to be had: what stands is not what was before it.
        if (position > 0 && from > position) terminal.clear()
        position = from
        tryCount = 0
        isOpen = !isReadOnly
        if (isOpen && waiting.length > 0) line?.type(Uint8Array.from(waiting))
        waiting = []
        tell({ is: 'open', isReadOnly, isRecorded })
      },
      onOutput(bytes) {
        position += bytes.length
        terminal.write(bytes)
      },
      onNotice: text => terminal.write(ENCODER.encode(`\r\nztm: ${text.replace(/\p{Cc}/gu, ' ')}\r\n`)),
      onEnd(end) {
        isOver = true
        terminal.pause()
        tell({ is: 'over', how: 'code' in end ? String(end.code) : end.signal })
        line?.close()
      },
      onClose(error) {
        if (isOver) return
        isOpen = false
        terminal.pause()
        // A session that is there is worth waiting for, while the mesh or its endpoint is away.
        if (error !== undefined && !(error.kind.retry && session !== undefined)) {
          tell({ is: 'refused', error })
          return
        }
        tell({ is: 'lost' })
        again = setTimeout(connect, Math.min(RETRY_MS * 2 ** tryCount, MAX_RETRY_MS))
        tryCount += 1
      },
    })
  }

  const terminal = openPredictedTerminal(element, mode, {
    onType(bytes) {
      if (isOpen) line?.type(bytes)
      else if (waiting.length + bytes.length <= MAX_WAITING_BYTES) waiting.push(...bytes)
      return isOpen
    },
    onResize: (columns, rows) => line?.resize(columns, rows),
  })
  connect()
  return {
    predict: next => {
      terminal.mode = next
    },
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(again)
      line?.close()
      terminal[Symbol.dispose]()
    },
  }
}

const ENCODER = new TextEncoder()
const MAX_WAITING_BYTES = 65_536
const RETRY_MS = 1_000
const MAX_RETRY_MS = 8_000
