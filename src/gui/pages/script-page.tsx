import { Button, Group, Modal, Stack, Text, Title } from '@mantine/core'
import { useBlocker, useParams } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { type KeptRun, keepRun, parseKeptRuns } from '../script/kept-runs.ts'
import { endWords, ResultPanes } from '../script/result-panes.tsx'
import { type Draft, formatRun, languageOf, parseDraft, readDraft } from '../script/script-draft.ts'
import { ScriptEditor } from '../script/script-editor.tsx'
import { ScriptForm } from '../script/script-form.tsx'
import { ScriptGrants } from '../script/script-grants.tsx'
import { EndpointRuns, KeptRuns } from '../script/script-history.tsx'
import { openScriptLine } from '../script/script-line.ts'
import {
  isGoing,
  isGood,
  type PlaceRun,
  type RunPlace,
  type ScriptRuns,
  startRuns,
} from '../script/script-runs.ts'
import { useOnlineEndpoints } from '../script/use-online-endpoints.ts'
import { type Say, useTexts } from '../texts/texts.ts'

/** A script is written, run at several endpoints at once, and what it did at each is seen side by side. */
export function ScriptPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const [keyword, setKeyword] = useState('')
  const [draft, setDraft] = useState(() => parseDraft(localStorage.getItem(DRAFT_KEY)))
  const { query, all } = useOnlineEndpoints(mesh, keyword, draft.endpoints)
  const [version, setVersion] = useState(0)
  const { runs, kept, error, run, stop } = useRuns(mesh, say)
  const change = (part: Partial<Draft>) =>
    setDraft(before => {
      const changed = { ...before, ...part }
      // What goes in may be secret: it is not kept.
      keepText(DRAFT_KEY, JSON.stringify({ ...changed, input: '' }))
      return changed
    })
  const places = all.filter(({ id }) => draft.endpoints.includes(id))
  const isBusy = isGoing(runs)
  const open = ({ draft }: KeptRun) => {
    change(draft)
    setVersion(version + 1)
  }
  return (
    <Stack>
      <Title order={1}>{say('script.title')}</Title>
      <LeaveGuard isBusy={isBusy} />
      <div>
        <ScriptEditor
          shown={draft.source}
          version={version}
          isTyped={/t/.test(languageOf(draft.name))}
          label={say('script.editor')}
          onChange={source => change({ source })}
          onRun={() => !isBusy && places.length > 0 && run(draft, places)}
        />
        <Text size="xs" mt={4}>
          {say('script.editorHelp')}
        </Text>
      </div>
      <Loaded query={query}>
        {() => <ScriptForm draft={draft} endpoints={all} onChange={change} onSearch={setKeyword} />}
      </Loaded>
      <Group>
        <Button loading={isBusy} disabled={places.length === 0} onClick={() => run(draft, places)}>
          {say('script.run')}
        </Button>
      </Group>
      {error !== undefined && <Failure error={error} />}
      <EqualCommand>
        {formatRun(
          draft,
          places.map(({ name }) => name),
        )}
      </EqualCommand>
      {runs.length > 0 && <ResultPanes runs={runs} onStop={stop} />}
      <KeptRuns
        kept={kept}
        onOpen={open}
        onRun={again => {
          open(again)
          run(
            again.draft,
            all.filter(({ id }) => again.draft.endpoints.includes(id)),
          )
        }}
      />
      <EndpointRuns mesh={mesh} endpoints={all} />
      <ScriptGrants mesh={mesh} endpoints={all} />
    </Stack>
  )
}

/** The runs of this page: what is shown of the last one, and those that were kept. It ends with the page. */
function useRuns(mesh: string, say: Say) {
  const [runs, setRuns] = useState<readonly PlaceRun[]>([])
  const [kept, setKept] = useState(() => parseKeptRuns(localStorage.getItem(RUNS_KEY)))
  const [error, setError] = useState<unknown>()
  const current = useRef<{ readonly going: ScriptRuns; show: () => void }>(null)
  useEffect(() => {
    // Times go on, also where nothing is written.
    const timer = setInterval(() => current.current?.show(), SHOW_MS)
    return () => {
      clearInterval(timer)
      current.current?.going.close()
    }
  }, [])
  const run = (draft: Draft, places: readonly RunPlace[]) => {
    current.current?.going.close()
    let isChanged = true
    try {
      const going = startRuns({ mesh, ...readDraft(draft) }, places, {
        open: openScriptLine,
        now: () => Date.now(),
        onChange() {
          isChanged = true
        },
      })
      setError(undefined)
      const run = { id: crypto.randomUUID(), atMs: Date.now(), draft: { ...draft, input: '' } }
      let isOver = false
      const show = () => {
        if (isOver && !isChanged) return
        isChanged = false
        const shown = going.read()
        setRuns(shown)
        if (isOver === !isGoing(shown)) return
        isOver = true
        keep(run, shown)
      }
      current.current = { going, show }
      keep(run, going.read())
      show()
    } catch (thrown) {
      setError(thrown)
    }
  }
  const keep = (run: Omit<KeptRun, 'results'>, shown: readonly PlaceRun[]) =>
    setKept(before => {
      const after = keepRun(before, { ...run, results: shown.map(one => resultOf(one, say)) })
      keepText(RUNS_KEY, JSON.stringify(after))
      return after
    })
  return { runs, kept, error, run, stop: (id?: string) => current.current?.going.stop(id) }
}

function resultOf(run: PlaceRun, say: Say): KeptRun['results'][number] {
  const { name, state } = run
  const end =
    state.is === 'over' ? endWords(state.end, say) : state.is === 'failed' ? state.error.code : undefined
  return { name, isGood: isGood(run), ...(end !== undefined && { end }) }
}

/** Whoever leaves the page ends what runs: they are asked. */
function LeaveGuard({ isBusy }: { isBusy: boolean }) {
  const { say } = useTexts()
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: () => isBusy,
    enableBeforeUnload: () => isBusy,
    withResolver: true,
  })
  return (
    <Modal
      opened={status === 'blocked'}
      onClose={() => reset?.()}
      title={say('script.leave')}
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      <Stack>
        <Text>{say('script.leaveAsk')}</Text>
        <Group>
          <Button color="red.9" onClick={() => proceed?.()}>
            {say('script.leave')}
          </Button>
          <Button variant="default" data-autofocus onClick={() => reset?.()}>
            {say('script.stay')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

/** What a browser has no room for is not kept. */
function keepText(key: string, text: string): void {
  try {
    localStorage.setItem(key, text)
  } catch {
    localStorage.removeItem(key)
  }
}

const DRAFT_KEY = 'ztm-script'
const RUNS_KEY = 'ztm-script-runs'
const SHOW_MS = 100
