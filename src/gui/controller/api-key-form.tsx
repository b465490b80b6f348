import { Button, Stack, Text, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type Entity, memberOf, nameOf, textOf } from '../../core/edge/entity-members.ts'
import { openEdge } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { Copy, EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** Make an API key of an identity, and show it this once. */
export function ApiKeyForm({
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
    async mutationFn() {
      const order = { identityId: identity.id, method: 'api-key' }
      const made = await openEdge(mesh).ask('POST', '/authenticators', order)
      return textOf(memberOf(made, 'apiKey')) ?? ''
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['edge', mesh] }),
  })
  if (make.data === undefined)
    return (
      <Stack>
        <EqualCommand>{formatCommand('ztm', 'create', 'authenticator', name)}</EqualCommand>
        {make.error !== null && <Failure error={make.error} />}
        <Button data-autofocus loading={make.isPending} onClick={() => make.mutate()}>
          {say('edge.keyMake')}
        </Button>
      </Stack>
    )
  return (
    <Stack>
      <Text size="sm">{say('edge.keyHelp')}</Text>
      <Textarea
        label={say('edge.keyFile', { name: visibleName(name) })}
        value={make.data}
        readOnly
        autosize
        minRows={2}
      />
      <Copy text={make.data} />
      <Button variant="default" onClick={onDone}>
        {say('action.close')}
      </Button>
    </Stack>
  )
}
