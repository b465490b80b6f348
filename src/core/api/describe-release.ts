import { manifestOf, type Release } from '../app/release.ts'
import type { ReleaseInfo } from './catalogue-api.ts'

/** A release for a list. @throws MeshError `bad-input` if the manifest that it shows is none */
export function describeRelease(release: Release & { readonly isWithdrawn?: boolean }): ReleaseInfo {
  const { provider, name, version, channel, hash, sizeBytes, publicKey, publishedAtMs } = release
  const { isWithdrawn = false } = release
  const { description } = manifestOf(release)
  const which = { provider, name, version, channel, description }
  return { ...which, hash, sizeBytes, publicKey, publishedAtMs, isWithdrawn }
}
