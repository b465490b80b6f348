import { Button, Stack, Switch, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Entity, memberOf } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { openEdge } from '../api/edge-queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Collection } from './collection.ts'
import { EnrolmentToken } from './enrolment-token.tsx'
import { EntityField } from './entity-field.tsx'
import {
  bodyOfChange,
  bodyOfNew,
  changedMeanwhile,
  commandOfChange,
  commandOfNew,
  firstValues,
} from './form-values.ts'

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
  const [isMeant, setMeant] = useState(false)
  const save = useSaving({ mesh, collection, entity, onDone }, there =>
    isMeant ? [] : changedMeanwhile(collection, first, values, there),
  )
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
        if (save.isPending) return
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
        {save.error instanceof ChangedMeanwhile && (
          <Switch
            label={say('edge.overwrite')}
            checked={isMeant}
            onChange={event => setMeant(event.currentTarget.checked)}
          />
        )}
        <Button type="submit" loading={save.isPending}>
          {say('action.save')}
        </Button>
      </Stack>
    </form>
  )
}

/** Somebody else changed what the form is about to change. */
class ChangedMeanwhile extends MeshError {}

/** Save, and go; what is to be shown once stays. @param lostBy  what of the entity as it is now would be lost */
function useSaving(
  { mesh, collection, entity, onDone }: FormProps,
  lostBy: (there: Entity) => readonly string[],
) {
  const queries = useQueryClient()
  const edge = openEdge(mesh)
  const { kind } = collection
  return useMutation({
    async mutationFn(body: Parameters<typeof edge.create>[1]): Promise<Entity | undefined> {
      if (entity !== undefined) {
        const lost = lostBy(await edge.show(kind, entity.id))
        if (lost.length > 0) {
          const what = lost.map(one => quote(one)).join(', ')
          throw new ChangedMeanwhile('conflict', `Cannot save: somebody else has changed ${what} meanwhile`)
        }
        await edge.patch(kind, entity.id, body)
        return undefined
      }
      const id = await edge.create(kind, body)
      // It is made, whatever becomes of this: to make it once more would fail for its name.
      const made = await edge.show(kind, id).catch(() => undefined)
      if (made === undefined) return undefined
      return typeof memberOf(made, 'enrollment.ott.jwt') === 'string' ? made : undefined
    },
    async onSuccess(made) {
      await queries.invalidateQueries({ queryKey: ['edge', mesh] })
      if (made === undefined) onDone()
    },
  })
}
