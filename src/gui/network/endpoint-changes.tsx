import { Button, Group, Stack, TagsInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { parseName } from '../../core/model/names.ts'
import { call } from '../api/call.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** What its user, or an administrator, can change of an endpoint: its labels; and that it is in the mesh at all. */
export function EndpointChanges({ mesh, endpoint }: { mesh: string; endpoint: EndpointInfo }) {
  const { say } = useTexts()
  const navigate = useNavigate()
  const info = useQuery(QUERIES.mesh(mesh))
  const user = info.data?.endpoint.user ?? ''
  const role = useQuery({ ...EDGE_QUERIES.role(mesh, user), enabled: user !== '' })
  const isAdmin = role.data?.isAdmin === true
  const isThis = info.data?.endpoint.id === endpoint.id
  if (info.error !== null || role.error !== null) return <Failure error={info.error ?? role.error} />
  if (endpoint.user !== user && !isAdmin) return null
  const remove = async () => {
    await call(AGENT_API.removeEndpoint, { params: { mesh, endpoint: endpoint.id } })
    await navigate({ to: '/$mesh/endpoints', params: { mesh } })
  }
  return (
    <Stack gap="xs">
      <Labels key={endpoint.labels.join('\n')} {...{ mesh, endpoint, isAdmin }} />
      {!isThis && (
        <Group>
          <ActionButton
            label={`${say('action.delete')} ${endpoint.name}`}
            question={say('endpoint.deleteAsk', { name: endpoint.name })}
            run={remove}
          >
            {say('action.delete')}
          </ActionButton>
        </Group>
      )}
    </Stack>
  )
}

/** Of an administrator a label is more than a word: rules go by those. */
function Labels({ mesh, endpoint, isAdmin }: { mesh: string; endpoint: EndpointInfo; isAdmin: boolean }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [labels, setLabels] = useState<string[]>([...endpoint.labels])
  const before: readonly string[] = endpoint.labels
  const added = labels.filter(label => !before.includes(label))
  const deleted = before.filter(label => !labels.includes(label))
  const save = useMutation({
    mutationFn: async () => {
      const names = labels.map(label => parseName(label, 'label'))
      const given: readonly string[] = [...endpoint.givenLabels, ...added]
      const body = {
        labels: names,
        ...(isAdmin && { givenLabels: names.filter(label => given.includes(label)) }),
      }
      return call(AGENT_API.labelEndpoint, { params: { mesh, endpoint: endpoint.id }, body })
    },
    onSuccess: () => queries.invalidateQueries(),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate()
  }
  const isChanged = added.length + deleted.length > 0
  return (
    <form onSubmit={submit}>
      <Group align="end">
        <TagsInput
          label={say('endpoint.labels')}
          description={say('endpoint.labelsHelp')}
          value={labels}
          onChange={setLabels}
          maxTags={32}
          style={{ flex: '1 1 260px' }}
        />
        <Button type="submit" variant="default" disabled={!isChanged} loading={save.isPending}>
          {say('endpoint.labelsSave')}
        </Button>
      </Group>
      {save.error !== null && <Failure error={save.error} />}
      {isChanged && <EqualCommand>{formatCommand('ztm', ...wordsOf(endpoint, added, deleted))}</EqualCommand>}
    </form>
  )
}

function wordsOf({ name }: EndpointInfo, added: readonly string[], deleted: readonly string[]): string[] {
  const option = (word: string, labels: readonly string[]) => (labels.length > 0 ? [word, ...labels] : [])
  return ['ep', name, 'label', ...option('--add', added), ...option('--delete', deleted)]
}
