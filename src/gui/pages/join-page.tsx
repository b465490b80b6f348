import { Button, Group, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { PermitIntake } from '../start/permit-intake.tsx'
import { useTexts } from '../texts/texts.ts'

/** Join a mesh with a permit that is pasted, dropped, scanned or opened as a link; it is used when the person says so. */
export function JoinPage() {
  const { say } = useTexts()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const status = useQuery(QUERIES.status())
  const [permit, setPermit] = useState('')
  const [typedMesh, setMesh] = useState<string>()
  const [typedEndpoint, setEndpoint] = useState<string>()
  const endpoint = typedEndpoint ?? status.data?.computerName ?? ''
  const mesh = typedMesh ?? freeMeshName(status.data?.meshes ?? [])
  const join = useMutation({
    mutationFn: () =>
      call(AGENT_API.joinMesh, {
        params: { mesh },
        body: { permit: permit.trim().replace(/^web\+ztm:/, 'ztm:'), endpoint },
      }),
    async onSuccess({ name }) {
      await queries.invalidateQueries()
      await navigate({ to: '/$mesh', params: { mesh: name } })
    },
  })
  const shown = permit.startsWith('ztm:') ? 'LINK' : 'permit.json'
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        join.mutate()
      }}
    >
      <Stack maw={640}>
        <Title order={1}>{say('join.title')}</Title>
        <PermitIntake permit={permit} onPermit={setPermit}>
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
            {formatCommand('ztm', 'join', mesh || 'MESH', '--as', endpoint || 'NAME', '--permit', shown)}
          </EqualCommand>
        </PermitIntake>
        <Text size="sm">{say('start.none')}</Text>
        <Group>
          <Button component={Link} to="/start" variant="default">
            {say('start.title')}
          </Button>
          <LinkHandler />
        </Group>
      </Stack>
    </form>
  )
}

/** Let the browser open links of permits with this page. They begin with `web+ztm:` there: browsers let pages have no others. */
function LinkHandler() {
  const { say } = useTexts()
  const [isAsked, setAsked] = useState(false)
  if (!('registerProtocolHandler' in navigator)) return null
  return (
    <Button
      variant="default"
      disabled={isAsked}
      onClick={() => {
        navigator.registerProtocolHandler('web+ztm', `${location.origin}/join#%s`)
        setAsked(true)
      }}
    >
      {say('start.handler')}
    </Button>
  )
}

/** `home`, or the first `home-2` that no mesh here is called. */
function freeMeshName(meshes: readonly { readonly name: string }[]): string {
  const names = new Set(meshes.map(({ name }) => name))
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'home' : `home-${number}`
    if (!names.has(name)) return name
  }
}
