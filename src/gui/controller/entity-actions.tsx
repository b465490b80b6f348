import { Button, Group, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { type Entity, nameOf } from '../../core/edge/entity-members.ts'
import { openEdge } from '../api/edge-queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { ApiKeyForm } from './api-key-form.tsx'
import type { Collection } from './collection.ts'
import { isFixed } from './collections.ts'
import { EnrolForm } from './enrolment-token.tsx'
import { labelOf } from './entity-details.ts'
import { EntityForm } from './entity-form.tsx'
import { PasswordForm } from './password-form.tsx'
import { PlanHostForm } from './plan-host-form.tsx'

interface ActionProps {
  readonly mesh: string
  readonly collection: Collection
  readonly entity: Entity
  /** After it is gone. */
  readonly onDeleted?: () => void
}

/** What can be done to an entity: change it, what its kind has besides, delete it. */
export function EntityActions({ mesh, collection, entity, onDeleted }: ActionProps) {
  const { say } = useTexts()
  const label = visibleName(labelOf(entity))
  const edge = openEdge(mesh)
  const { kind, form, deleteAsk, deleteWord = 'action.delete' } = collection
  if (isFixed(collection, entity)) return null
  return (
    <Group gap="xs">
      {form !== undefined && (
        <DialogButton
          word={say('edge.change')}
          label={`${say('edge.change')} ${label}`}
          title={say('edge.changeTitle', { name: label })}
        >
          {close => <EntityForm mesh={mesh} collection={collection} entity={entity} onDone={close} />}
        </DialogButton>
      )}
      {kind === 'identity' && <IdentityActions mesh={mesh} identity={entity} />}
      {kind === 'service' && (
        <DialogButton
          word={say('edge.plan')}
          label={`${say('edge.plan')} ${label}`}
          title={say('edge.planFor', { name: label })}
        >
          {close => <PlanHostForm mesh={mesh} service={entity} onDone={close} />}
        </DialogButton>
      )}
      {kind === 'enrollment' && typeof entity.identityId === 'string' && (
        <DialogButton
          word={say('edge.refresh')}
          label={`${say('edge.refresh')} ${label}`}
          title={say('edge.enrolFor', { name: label })}
        >
          {close => (
            <EnrolForm
              mesh={mesh}
              identity={{ id: String(entity.identityId), name: labelOf(entity) }}
              onDone={close}
            />
          )}
        </DialogButton>
      )}
      <ActionButton
        label={`${say(deleteWord)} ${label}`}
        question={say(deleteAsk, { name: label })}
        run={async () => {
          await edge.delete(kind, entity.id)
          onDeleted?.()
        }}
      >
        {say(deleteWord)}
      </ActionButton>
    </Group>
  )
}

function IdentityActions({ mesh, identity }: { mesh: string; identity: Entity }) {
  const { say } = useTexts()
  const name = visibleName(nameOf(identity))
  const path = `/identities/${encodeURIComponent(identity.id)}`
  const ask = (what: string) => openEdge(mesh).ask('POST', `${path}/${what}`, {})
  return (
    <>
      <DialogButton
        word={say('edge.enrol')}
        label={`${say('edge.enrol')} ${name}`}
        title={say('edge.enrolFor', { name })}
      >
        {close => <EnrolForm mesh={mesh} identity={identity} onDone={close} />}
      </DialogButton>
      <DialogButton
        word={say('edge.keyTitle')}
        label={`${say('edge.keyTitle')} ${name}`}
        title={say('edge.keyFile', { name })}
      >
        {close => <ApiKeyForm mesh={mesh} identity={identity} onDone={close} />}
      </DialogButton>
      <DialogButton
        word={say('edge.password')}
        label={`${say('edge.password')} ${name}`}
        title={say('edge.passwordFor', { name })}
      >
        {close => <PasswordForm mesh={mesh} identity={identity} onDone={close} />}
      </DialogButton>
      {identity.disabled === true ? (
        <ActionButton label={`${say('edge.enable')} ${name}`} run={() => ask('enable')}>
          {say('edge.enable')}
        </ActionButton>
      ) : (
        <ActionButton
          label={`${say('edge.disable')} ${name}`}
          question={say('edge.disableAsk', { name })}
          run={() => ask('disable')}
        >
          {say('edge.disable')}
        </ActionButton>
      )}
    </>
  )
}

/** A button that opens a dialog. */
export function DialogButton({
  word,
  label,
  title,
  isMain = false,
  children,
}: {
  word: string
  /** With what it is about, for who does not see where the button is. */
  label: string
  title: string
  isMain?: boolean
  children: (close: () => void) => ReactNode
}) {
  const { say } = useTexts()
  const [isOpen, { open, close }] = useDisclosure()
  return (
    <>
      <Button
        size={isMain ? 'sm' : 'compact-xs'}
        variant={isMain ? 'filled' : 'default'}
        aria-label={label}
        onClick={open}
      >
        {word}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={title}
        size="lg"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {children(close)}
      </Modal>
    </>
  )
}
