// What a directory server needs of the post office.

import type { Post } from '../../post/post.ts';
import type { Store } from '../../store/store.ts';

export interface AuthorityPost extends Pick<Post, 'clock' | 'random' | 'log'> {
  readonly store: Pick<Store, 'documents'>;
}
