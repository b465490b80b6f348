import '@xterm/xterm/css/xterm.css'
import { Button, Group, Select, Slider, Text } from '@mantine/core'
import { Terminal } from '@xterm/xterm'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { CastEvent, CastRecording } from '../../core/codec/read-asciicast.ts'
import { useTexts } from '../texts/texts.ts'
import { nonceStyles } from './nonce-styles.ts'
import { formatPlayTime, layOut } from './play-time.ts'

/** Show a recording again: play, pause, go to any place, faster or slower. Nothing of it is run: it is shown alone. */
export function RecordingPlayer({ recording }: { recording: CastRecording }) {
  const { say } = useTexts()
  const screen = useRef<HTMLElement>(null)
  const time = useMemo(() => layOut(recording.events, MAX_WAIT_MS), [recording])
  const [isPlaying, setPlaying] = useState(true)
  const [speed, setSpeed] = useState('1')
  const [place, setPlace] = useState(0)
  const player = useRef<Player>(undefined)
  useEffect(() => {
    if (screen.current === null) return
    const made = createPlayer(screen.current, recording)
    player.current = made
    made.show(time.between(-1, 0))
    return () => made.dispose()
  }, [recording, time])
  useEffect(() => {
    if (!isPlaying) return
    let lastMs = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      const passedMs = (now - lastMs) * Number(speed)
      lastMs = now
      setPlace(before => Math.min(before + passedMs, time.durationMs))
    }, TICK_MS)
    return () => clearInterval(timer)
  }, [isPlaying, speed, time])
  useEffect(() => {
    const shown = player.current
    if (shown === undefined) return
    // Back is from the beginning: what was written over cannot be had otherwise.
    if (place < shown.placeMs) shown.restart(time.between(-1, place))
    else shown.show(time.between(shown.placeMs, place))
    shown.placeMs = place
    if (place >= time.durationMs) setPlaying(false)
  }, [place, time])
  const isOver = place >= time.durationMs
  return (
    <section aria-label={say('terminal.player')}>
      <section
        ref={screen}
        aria-label={say('terminal.played')}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the screen must be scrolled by keyboard, too
        tabIndex={0}
        style={{ overflow: 'auto', background: '#000', maxHeight: '60vh' }}
      />
      <Group mt="xs" gap="sm" wrap="nowrap">
        <Button
          size="compact-sm"
          onClick={() => {
            if (isOver) setPlace(0)
            setPlaying(isOver || !isPlaying)
          }}
        >
          {say(isPlaying && !isOver ? 'terminal.pause' : 'terminal.play')}
        </Button>
        <Slider
          style={{ flex: 1 }}
          thumbLabel={say('terminal.place')}
          min={0}
          max={Math.max(1, Math.ceil(time.durationMs))}
          value={place}
          onChange={setPlace}
          label={formatPlayTime}
        />
        <Text size="sm" style={{ whiteSpace: 'nowrap' }}>
          {formatPlayTime(place)} / {formatPlayTime(time.durationMs)}
        </Text>
        <Select
          aria-label={say('terminal.speed')}
          data={SPEEDS.map(value => ({ value, label: `${value}×` }))}
          value={speed}
          onChange={value => setSpeed(value ?? '1')}
          allowDeselect={false}
          w={90}
          size="xs"
        />
      </Group>
    </section>
  )
}

interface Player {
  placeMs: number
  show(events: readonly CastEvent[]): void
  restart(events: readonly CastEvent[]): void
  dispose(): void
}

function createPlayer(element: HTMLElement, { columns, rows }: CastRecording): Player {
  nonceStyles(document)
  const terminal = new Terminal({
    cols: columns,
    rows,
    disableStdin: true,
    cursorBlink: false,
    scrollback: 5_000,
    screenReaderMode: true,
  })
  terminal.open(element)
  const show = (events: readonly CastEvent[]) => {
    for (const event of events) {
      if ('text' in event) terminal.write(event.text)
      // In its place among what is written, which xterm.js does later.
      else terminal.write('', () => terminal.resize(event.columns, event.rows))
    }
  }
  return {
    placeMs: 0,
    show,
    restart(events) {
      // ECMA-48 has RIS for it: in its place, behind what waits to be written.
      terminal.write('\x1bc', () => terminal.resize(columns, rows))
      show(events)
    },
    dispose: () => terminal.dispose(),
  }
}

const SPEEDS = ['0.5', '1', '2', '4', '8', '16']
/** Nobody waits for somebody who was away. */
const MAX_WAIT_MS = 3_000
const TICK_MS = 50
