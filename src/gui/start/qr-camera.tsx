import { Button, Stack, Text } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { MeshError } from '../../core/model/errors.ts'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import { draw, readQr } from './read-qr.ts'

/** Look for a QR code by the camera. Its pictures stay in this page. */
export function QrCamera({ onFound, onCancel }: { onFound: (text: string) => void; onCancel: () => void }) {
  const { say } = useTexts()
  const video = useRef<HTMLVideoElement>(null)
  const found = useRef(onFound)
  found.current = onFound
  const [error, setError] = useState<MeshError>()
  useEffect(() => {
    if (video.current === null) return
    const ended = new AbortController()
    watch(video.current, ended.signal).then(
      text => text !== undefined && found.current(text),
      (thrown: unknown) => ended.signal.aborted || setError(explain(thrown)),
    )
    return () => ended.abort()
  }, [])
  return (
    <Stack gap="xs">
      {error === undefined ? (
        <Text size="sm" role="status">
          {say('start.scanning')}
        </Text>
      ) : (
        <Failure error={error} />
      )}
      <video
        ref={video}
        muted
        playsInline
        aria-label={say('start.camera')}
        hidden={error !== undefined}
        style={{ width: '100%', maxWidth: 480, background: '#000', aspectRatio: '4 / 3' }}
      />
      <Button variant="default" onClick={onCancel}>
        {say('action.cancel')}
      </Button>
    </Stack>
  )
}

/** Show the camera and look at it until there is a code. @returns undefined if it was told to end */
async function watch(video: HTMLVideoElement, signal: AbortSignal): Promise<string | undefined> {
  const { mediaDevices } = navigator as { mediaDevices?: MediaDevices }
  if (mediaDevices === undefined)
    throw new MeshError('unsupported', 'Cannot use the camera: browsers give it to pages at localhost alone')
  const stream = await mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: 'environment', width: { ideal: 1_280 } },
  })
  try {
    if (signal.aborted) return undefined
    video.srcObject = stream
    await video.play()
    while (!signal.aborted) {
      if (video.videoWidth > 0) {
        const text = await readQr(draw(video, video.videoWidth, video.videoHeight))
        if (text !== undefined && !signal.aborted) return text
      }
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    return undefined
  } finally {
    for (const track of stream.getTracks()) track.stop()
    video.srcObject = null
  }
}

function explain(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'NotAllowedError')
    return new MeshError(
      'not-permitted',
      'Cannot use the camera: it is not allowed: allow it for this page in the browser',
    )
  if (name === 'NotFoundError' || name === 'OverconstrainedError')
    return new MeshError(
      'not-found',
      'Cannot use the camera: there is none: choose a picture of the code instead',
    )
  return new MeshError('system-failed', 'Cannot use the camera: another program has it, or it does not work')
}

const LOOK_MS = 150
