import { Alert, Button, FileButton, Group, Stack, Text, Textarea } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { formatWhen } from '../parts/amounts.ts'
import { Failure } from '../parts/failure.tsx'
import { Name } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { type GivenPermit, linkOfHash, readGivenPermit } from './permit-text.ts'
import { QrCamera } from './qr-camera.tsx'
import { readQrFile } from './read-qr.ts'

/** All ways to give a permit: paste, drop a file or a picture of its QR code, scan that, open a link. Nothing is sent by it. */
export function PermitIntake({
  permit,
  onPermit,
  children,
}: {
  permit: string
  onPermit: (text: string) => void
  children: ReactNode
}) {
  const { say } = useTexts()
  const [error, setError] = useState<MeshError>()
  const [isScanning, setScanning] = useState(false)
  useLinks(onPermit)
  const take = (text: string) => {
    setError(undefined)
    setScanning(false)
    onPermit(text)
  }
  const takeFile = (file: File | null | undefined) => {
    if (file) readFile(file).then(take, thrown => setError(toMeshError(thrown)))
  }
  return (
    <Stack
      onDragOver={event => event.preventDefault()}
      onDrop={event => {
        event.preventDefault()
        const { files } = event.dataTransfer
        if (files.length > 0) takeFile(files[0])
        else take(event.dataTransfer.getData('text'))
      }}
    >
      <Textarea
        label={say('join.permit')}
        description={say('join.drop')}
        value={permit}
        onChange={event => take(event.currentTarget.value)}
        autosize
        minRows={3}
        maxRows={8}
        spellCheck={false}
        autoComplete="off"
        required
      />
      <Group gap="xs">
        <FileButton onChange={takeFile} accept="application/json,image/*,.json,.permit">
          {props => (
            <Button {...props} variant="default" size="xs">
              {say('start.file')}
            </Button>
          )}
        </FileButton>
        {!isScanning && (
          <Button variant="default" size="xs" onClick={() => setScanning(true)}>
            {say('start.scan')}
          </Button>
        )}
      </Group>
      {isScanning && <QrCamera onFound={take} onCancel={() => setScanning(false)} />}
      {error !== undefined && <Failure error={error} />}
      {permit.trim() !== '' && <PermitSummary permit={permit} />}
      {children}
    </Stack>
  )
}

/** What a permit says of itself, before it is used. */
function PermitSummary({ permit }: { permit: string }) {
  const { say, language } = useTexts()
  const now = useNow(60_000)
  let given: GivenPermit
  try {
    given = readGivenPermit(permit)
  } catch (thrown) {
    // Said before anything is sent: a word that is missing is found sooner here.
    return <Text size="sm">{toMeshError(thrown).message}</Text>
  }
  const { hubs, user, expiresAtMs } = given
  return (
    <Alert color="blue" title={say('start.leads')} role="status">
      <Text size="sm">
        <Name>{hubs.join(', ')}</Name>
      </Text>
      {user !== undefined && (
        <Text size="sm">
          {say('endpoint.user')}: <Name>{user}</Name>
        </Text>
      )}
      {expiresAtMs !== undefined && (
        <Text size="sm">{say('start.expires', { when: formatWhen(expiresAtMs, now, language) })}</Text>
      )}
      <Text size="sm">{say('start.trust')}</Text>
    </Alert>
  )
}

/** Take a link from the page's address, now and later; it is taken out of there, as it is a secret. */
function useLinks(onLink: (text: string) => void): void {
  useEffect(() => {
    const look = () => {
      const link = linkOfHash(location.hash)
      if (link === '') return
      history.replaceState(history.state, '', location.pathname)
      onLink(link)
    }
    look()
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [onLink])
}

async function readFile(file: File): Promise<string> {
  if (file.type.startsWith('image/')) {
    if (file.size > MAX_PICTURE_BYTES) throw new MeshError('too-large', 'Cannot read picture: over 32 MB')
    return readQrFile(file)
  }
  if (file.size > MAX_PERMIT_BYTES)
    throw new MeshError('too-large', 'Cannot read permit: the file is over 64 KiB: is it the right one?')
  return file.text()
}

const MAX_PERMIT_BYTES = 65_536
const MAX_PICTURE_BYTES = 32_000_000
