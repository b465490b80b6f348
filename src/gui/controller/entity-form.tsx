import { Button, Stack, Switch, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Entity, memberOf } from '../../core/edge/entity-members.ts'
import { openEdge } from '../api/edge-queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Collection } from './collection.ts'
import { EnrolmentToken } from './enrolment-token.tsx'
import { EntityField } from './entity-field.tsx'
import { bodyOfChange, bodyOfNew, commandOfChange, commandOfNew, firstValues } from './form-values.ts'

interface FormProps {
  readonly mesh: string
  readonly collection: Collection
  /** The one to change; a new one is made without. */
  readonly entity?: Entity | undefined
  readonly onDone: () => void
}

/** Make an entity, or change one: fields, the equal command, and what was refused. */
export function EntityForm({ mesh, collection, entity, onDone }: FormProps) {
  const { say } = useTexts()
  const isNew = entity === undefined
  const [first] = useState(() => firstValues(collection, entity))
  const [values, setValues] = useState(first)
  const canEnrol = isNew && collection.kind === 'identity'
  const [isEnrolling, setEnrolling] = useState(canEnrol)
  const save = useSaving({ mesh, collection, entity, onDone })
  const made = save.data
  if (made !== undefined) return <EnrolmentToken entity={made} onDone={onDone} />
  const file = `${values.name.trim() || 'NAME'}.jwt`
  const command = isNew
    ? commandOfNew(collection, values, isEnrolling ? ['--ott', file] : [])
    : commandOfChange(collection, first, values, entity.id)
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        const body = isNew ? bodyOfNew(collection, values) : bodyOfChange(collection, first, values)
        save.mutate(isEnrolling ? { ...body, enrollment: { ott: true } } : body)
      }}
    >
      <Stack>
        {collection.isNameless !== true && (
          <TextInput
            data-autofocus
            label={say('endpoint.name')}
            value={values.name}
            onChange={event => {
              const name = event.currentTarget.value
              setValues(before => ({ ...before, name }))
            }}
            required
            maxLength={128}
          />
        )}
        {collection.form?.fields.map(field => (
          <EntityField
            key={field.member}
            mesh={mesh}
            field={field}
            members={values.members}
            isNew={isNew}
            onChange={value =>
              setValues(before => ({ ...before, members: { ...before.members, [field.member]: value } }))
            }
          />
        ))}
        {canEnrol && (
          <Switch
            label={say('edge.enrolNow')}
            checked={isEnrolling}
            onChange={event => setEnrolling(event.currentTarget.checked)}
          />
        )}
        <EqualCommand>{command}</EqualCommand>
        {save.error !== null && <Failure error={save.error} />}
        <Button type="submit" loading={save.isPending}>
          {say('action.save')}
        </Button>
      </Stack>
    </form>
  )
}

/** Save, and go; what is to be shown once stays. */
function useSaving({ mesh, collection, entity, onDone }: FormProps) {
  const queries = useQueryClient()
  const edge = openEdge(mesh)
  const { kind } = collection
  return useMutation({
    async mutationFn(body: Parameters<typeof edge.create>[1]): Promise<Entity | undefined> {
      if (entity !== undefined) {
        await edge.patch(kind, entity.id, body)
        return undefined
      }
      const made = await edge.show(kind, await edge.create(kind, body))
      return typeof memberOf(made, 'enrollment.ott.jwt') === 'string' ? made : undefined
    },
    async onSuccess(made) {
      await queries.invalidateQueries({ queryKey: ['edge', mesh] })
      if (made === undefined) onDone()
    },
  })
}
