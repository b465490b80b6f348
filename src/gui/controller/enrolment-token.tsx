import { Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { encode } from 'uqr'
import { type Entity, memberOf, nameOf, textOf } from '../../core/edge/entity-members.ts'
import { openEdge } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { Copy, EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { When } from './entity-cells.tsx'

/** Make a one-time way in for an identity that is there, and show it. */
export function EnrolForm({
  mesh,
  identity,
  onDone,
}: {
  mesh: string
  identity: Entity
  onDone: () => void
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const name = nameOf(identity)
  const make = useMutation({
    async mutationFn(): Promise<Entity> {
      const edge = openEdge(mesh)
      const [open] = await edge.list(
        'enrollment',
        `identityId = ${JSON.stringify(identity.id)} and method = "ott"`,
      )
      // One that is open is made anew: its token was shown before.
      if (open === undefined)
        await edge.create('enrollment', {
          identityId: identity.id,
          method: 'ott',
          expiresAt: new Date(Date.now() + VALID_MS).toISOString(),
        })
      else await edge.ask('POST', `/enrollments/${encodeURIComponent(open.id)}/refresh`, {})
      return edge.show('identity', identity.id)
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['edge', mesh] }),
  })
  if (make.data !== undefined) return <EnrolmentToken entity={make.data} onDone={onDone} />
  return (
    <Stack>
      <EqualCommand>
        {formatCommand('ztm', 'create', 'enrollment', name, '--jwt', `${name}.jwt`)}
      </EqualCommand>
      {make.error !== null && <Failure error={make.error} />}
      <Button data-autofocus loading={make.isPending} onClick={() => make.mutate()}>
        {say('edge.enrolMake')}
      </Button>
    </Stack>
  )
}

/** A token that lets an identity in once: to copy, to scan, to keep in a file. @param entity  the identity, just made */
export function EnrolmentToken({ entity, onDone }: { entity: Entity; onDone: () => void }) {
  const { say } = useTexts()
  const token = textOf(memberOf(entity, 'enrollment.ott.jwt')) ?? ''
  const expiresAt = textOf(memberOf(entity, 'enrollment.ott.expiresAt')) ?? ''
  const name = nameOf(entity)
  const [before = '', after = ''] = say('edge.enrolHelp').split('{when}')
  return (
    <Stack>
      <Text size="sm">
        {before}
        <When at={expiresAt} />
        {after}
      </Text>
      <Textarea
        label={say('edge.enrolFor', { name: visibleName(name) })}
        value={token}
        readOnly
        autosize
        minRows={3}
        maxRows={6}
      />
      <QrCode text={token} label={say('edge.enrolQr')} />
      <Group>
        <Copy text={token} />
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => saveText(`${name.replace(/[^\w.-]+/g, '_') || 'identity'}.jwt`, token)}
        >
          {say('declared.download')}
        </Button>
      </Group>
      <Button variant="default" onClick={onDone}>
        {say('action.close')}
      </Button>
    </Stack>
  )
}

/** A text as a QR code, drawn as one path: black on white in either light, as cameras want it. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => {
    const { size, data } = encode(text, { border: 2 })
    const rows = data.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')).join(''))
    return { size, path: rows.join('') }
  }, [text])
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      width="100%"
      style={{ maxWidth: 320, background: '#fff' }}
      shapeRendering="crispEdges"
    >
      <path d={path} fill="#000" />
    </svg>
  )
}

/** Have the browser save a text as a file. */
export function saveText(file: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = file
  link.click()
  URL.revokeObjectURL(url)
}

const VALID_MS = 10_800_000
