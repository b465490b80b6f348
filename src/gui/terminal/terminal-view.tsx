import '@xterm/xterm/css/xterm.css'
import { Alert, Button, Group, Text } from '@mantine/core'
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { useEffect, useRef, useState } from 'react'
import type { MeshError } from '../../core/model/errors.ts'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import { nonceStyles } from './nonce-styles.ts'
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
  useEffect(() => {
    if (screen.current === null) return
    return runTerminal(screen.current, place, setLine)
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
    </>
  )
}

/** Show a terminal in an element until it is told to stop. @returns ends it; the session stays */
function runTerminal(element: HTMLElement, place: TerminalPlace, tell: (line: Line) => void): () => void {
  nonceStyles(document)
  const terminal = new Terminal({
    cursorBlink: false,
    scrollback: 5_000,
    screenReaderMode: true,
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(element)
  fit.fit()
  terminal.focus()
  let { session } = place
  let position = 0
  let line: TerminalLine | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  let tryCount = 0

  const connect = () => {
    const size = { columns: terminal.cols, rows: terminal.rows }
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
        if (position > 0 && from > position) terminal.reset()
        position = from
        tryCount = 0
        tell({ is: 'open', isReadOnly, isRecorded })
      },
      onOutput(bytes) {
        position += bytes.length
        terminal.write(bytes)
      },
      onNotice: text => terminal.write(`\r\nztm: ${text.replace(/\p{Cc}/gu, ' ')}\r\n`),
      onEnd(end) {
        isOver = true
        tell({ is: 'over', how: 'code' in end ? String(end.code) : end.signal })
        line?.close()
      },
      onClose(error) {
        if (isOver) return
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

  connect()
  terminal.onData(text => line?.type(new TextEncoder().encode(text)))
  terminal.onBinary(text => line?.type(Uint8Array.from(text, letter => letter.charCodeAt(0))))
  terminal.onResize(({ cols, rows }) => line?.resize(cols, rows))
  const sizes = new ResizeObserver(() => fit.fit())
  sizes.observe(element)
  return () => {
    isOver = true
    clearTimeout(again)
    sizes.disconnect()
    line?.close()
    terminal.dispose()
  }
}

const RETRY_MS = 1_000
const MAX_RETRY_MS = 8_000
