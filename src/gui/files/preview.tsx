import { Alert, Button, Code, Group, Modal, Skeleton, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type ShownKind, shownTypeOf } from '../../core/files/shown-type.ts'
import { MeshError } from '../../core/model/errors.ts'
import { type ContentLink, type ContentName, errorOf, makeLink, saveContent } from '../api/files-queries.ts'
import { formatBytes } from '../parts/amounts.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** Something to look at. */
export interface Shown {
  readonly name: string
  readonly content: ContentName
  /** What does the same on the command line. */
  readonly command: string
}

/** A window in which a file is looked at; nothing of it is a document of this page. */
export function Preview({
  mesh,
  shown,
  onClose,
}: {
  mesh: string
  shown: Shown | undefined
  onClose: () => void
}) {
  const { say } = useTexts()
  return (
    <Modal
      opened={shown !== undefined}
      onClose={onClose}
      title={<bdi>{visibleName(shown?.name ?? '')}</bdi>}
      size="xl"
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      {shown && <Content key={JSON.stringify(shown.content)} mesh={mesh} shown={shown} />}
    </Modal>
  )
}

function Content({ mesh, shown }: { mesh: string; shown: Shown }) {
  const { say, language } = useTexts()
  const [isText, setText] = useState(false)
  const [made, setMade] = useState<ContentLink>()
  const link = useQuery({
    queryKey: ['link', mesh, shown.content],
    queryFn: async () => {
      const one = await makeLink(mesh, shown.content, 'shown')
      setMade(one)
      return one
    },
    // A link that is asked for again is another one: the film would begin anew.
    enabled: made === undefined,
    gcTime: 0,
    retry: false,
  })
  const save = useMutation({ mutationFn: () => saveContent(mesh, shown.content) })
  const kind = isText ? 'text' : shownTypeOf(shown.name).kind
  return (
    <Stack>
      <Loaded query={link}>
        {({ url, sizeBytes }) => (
          <>
            <View kind={kind} url={url} name={shown.name} onText={() => setText(true)} />
            <Text size="sm">{formatBytes(sizeBytes, language)}</Text>
          </>
        )}
      </Loaded>
      {save.error !== null && <Failure error={save.error} />}
      <Group>
        <Button variant="default" loading={save.isPending} onClick={() => save.mutate()}>
          {say('files.save')}
        </Button>
      </Group>
      <EqualCommand>{shown.command}</EqualCommand>
    </Stack>
  )
}

interface ViewProps {
  readonly url: string
  readonly name: string
}

function View({ kind, url, name, onText }: ViewProps & { kind: ShownKind; onText: () => void }) {
  const { say } = useTexts()
  if (kind === 'text') return <TextView url={url} name={name} />
  if (kind === 'none') {
    return (
      <Alert color="gray">
        <Text size="sm">{say('files.noPreview')}</Text>
        <Button mt="xs" size="compact-sm" variant="default" onClick={onText}>
          {say('files.asText')}
        </Button>
      </Alert>
    )
  }
  if (kind === 'pdf' && !navigator.pdfViewerEnabled) return <Alert color="gray">{say('files.noPdf')}</Alert>
  return <Media kind={kind} url={url} name={name} />
}

/** A picture, film, sound or PDF, shown by the browser. What it cannot read it does not show. */
function Media({ kind, url, name }: ViewProps & { kind: 'picture' | 'video' | 'audio' | 'pdf' }) {
  const { say } = useTexts()
  const [isBroken, setBroken] = useState(false)
  const label = visibleName(name)
  const onError = () => setBroken(true)
  if (isBroken) return <Alert color="orange">{say('files.cannotShow')}</Alert>
  if (kind === 'picture') return <img src={url} alt={label} onError={onError} style={WHOLE} />
  const media = { src: url, 'aria-label': label, controls: true, preload: 'metadata', onError } as const
  if (kind === 'video') {
    return <video {...media} style={WHOLE} />
  }
  if (kind === 'audio') {
    return <audio {...media} style={{ width: '100%' }} />
  }
  return <iframe src={url} title={label} style={{ width: '100%', height: '65vh', border: 0 }} />
}

/** The beginning of a file as text, whatever is in it. */
function TextView({ url, name }: ViewProps) {
  const { say, language } = useTexts()
  const text = useQuery({
    queryKey: ['files', 'text', url],
    queryFn: () => readText(url),
    gcTime: 0,
    retry: false,
  })
  if (text.data === undefined && text.error === null) return <Skeleton height={200} />
  return (
    <Loaded query={text}>
      {({ shown, isCut }) => (
        <>
          <Code
            block
            tabIndex={0}
            aria-label={visibleName(name)}
            style={{ maxHeight: '60vh', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}
          >
            {shown}
          </Code>
          {isCut && (
            <Text size="sm">{say('files.cut', { size: formatBytes(MAX_TEXT_BYTES, language) })}</Text>
          )}
        </>
      )}
    </Loaded>
  )
}

async function readText(url: string): Promise<{ shown: string; isCut: boolean }> {
  const answer = await fetch(url, { headers: { range: `bytes=0-${MAX_TEXT_BYTES - 1}` } })
  // An empty file has no bytes to give.
  if (answer.status === 416) return { shown: '', isCut: false }
  if (!answer.ok) throw await errorOf(answer)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  if (bytes.includes(0)) throw new MeshError('unsupported', 'Cannot show it: it is no text')
  const total = Number(answer.headers.get('content-range')?.split('/')[1] ?? bytes.length)
  return { shown: new TextDecoder().decode(bytes), isCut: total > bytes.length }
}

const MAX_TEXT_BYTES = 262_144
const WHOLE = { maxWidth: '100%', maxHeight: '65vh', alignSelf: 'center' } as const
