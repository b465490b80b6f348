import { Button, Stack, Text, Textarea, TextInput, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** Join a mesh with a permit that is pasted, dropped or opened as a link. */
export function JoinPage() {
  const { say } = useTexts()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [permit, setPermit] = useState('')
  const [mesh, setMesh] = useState('home')
  const [endpoint, setEndpoint] = useState('')
  const join = useMutation({
    mutationFn: () => call(AGENT_API.joinMesh, { params: { mesh }, body: { permit, endpoint } }),
    async onSuccess({ name }) {
      await queries.invalidateQueries()
      await navigate({ to: '/$mesh', params: { mesh: name } })
    },
  })
  const takeFile = async (file: File | undefined) => {
    if (file !== undefined && file.size <= MAX_PERMIT_BYTES) setPermit(await file.text())
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        join.mutate()
      }}
      onDragOver={event => event.preventDefault()}
      onDrop={event => {
        event.preventDefault()
        void takeFile(event.dataTransfer.files[0])
      }}
    >
      <Stack maw={640}>
        <Title order={1}>{say('join.title')}</Title>
        <Textarea
          label={say('join.permit')}
          description={say('join.drop')}
          value={permit}
          onChange={event => setPermit(event.currentTarget.value)}
          autosize
          minRows={3}
          maxRows={8}
          required
        />
        <TextInput
          label={say('join.mesh')}
          value={mesh}
          onChange={event => setMesh(event.currentTarget.value)}
          required
        />
        <TextInput
          label={say('join.endpoint')}
          value={endpoint}
          onChange={event => setEndpoint(event.currentTarget.value)}
          required
        />
        {join.error !== null && <Failure error={join.error} />}
        <Button type="submit" loading={join.isPending}>
          {say('join.button')}
        </Button>
        <EqualCommand>
          {formatCommand(
            'ztm',
            'join',
            mesh || 'MESH',
            '--as',
            endpoint || 'NAME',
            '--permit',
            'permit.json',
          )}
        </EqualCommand>
        <Text size="sm">{say('join.own')}</Text>
      </Stack>
    </form>
  )
}

const MAX_PERMIT_BYTES = 65_536
