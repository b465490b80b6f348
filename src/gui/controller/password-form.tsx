import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Entity, nameOf, textOf } from '../../core/edge/entity-members.ts'
import { EDGE_QUERIES, openEdge } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'

interface FormProps {
  readonly mesh: string
  readonly identity: Entity
  readonly onDone: () => void
}

/** Give an identity a password, or another one in place of what it has. */
export function PasswordForm({ mesh, identity, onDone }: FormProps) {
  const path = `/identities/${encodeURIComponent(identity.id)}/authenticators`
  const query = useQuery(EDGE_QUERIES.page(mesh, 'authenticator', { limit: 100, offset: 0 }, path))
  return (
    <Loaded query={query}>
      {({ entities }) => (
        <Fields
          mesh={mesh}
          identity={identity}
          known={entities.find(({ method }) => method === 'updb')}
          onDone={onDone}
        />
      )}
    </Loaded>
  )
}

function Fields({ mesh, identity, known, onDone }: FormProps & { known: Entity | undefined }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [username, setUsername] = useState(textOf(known?.username) ?? nameOf(identity))
  const [password, setPassword] = useState('')
  const save = useMutation({
    mutationFn: () => {
      const edge = openEdge(mesh)
      if (known !== undefined)
        return edge.ask('PUT', `/authenticators/${encodeURIComponent(known.id)}`, { username, password })
      return edge.ask('POST', '/authenticators', {
        identityId: identity.id,
        method: 'updb',
        username,
        password,
      })
    },
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['edge', mesh] })
      onDone()
    },
  })
  const words =
    known === undefined
      ? ['create', 'authenticator', nameOf(identity), '--method', 'updb']
      : ['update', 'authenticator', known.id]
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (!save.isPending) save.mutate()
      }}
    >
      <Stack>
        {known !== undefined && <Text size="sm">{say('edge.passwordThere')}</Text>}
        <TextInput
          label={say('edge.login')}
          value={username}
          onChange={event => setUsername(event.currentTarget.value)}
          autoComplete="off"
          required
        />
        <PasswordInput
          label={say('edge.password')}
          value={password}
          onChange={event => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': say('edge.passwordShow') }}
          autoComplete="new-password"
          data-autofocus
          required
        />
        <EqualCommand>
          {formatCommand('ztm', ...words, '--username', username, '--password', '-')}
        </EqualCommand>
        {save.error !== null && <Failure error={save.error} />}
        <Button type="submit" loading={save.isPending}>
          {say('edge.passwordSet')}
        </Button>
      </Stack>
    </form>
  )
}
