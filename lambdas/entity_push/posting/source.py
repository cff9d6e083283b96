"""The source of a run's posts, drawn one by one, as late as possible."""

from collections.abc import Iterable
from operator import length_hint

from entity_push.posting.posts import NOT_YET, NotYet, Post


class Source:
    """Draws posts.

    Args:
        posts: the posts. A draw may block while a page is fetched. `NOT_YET` means that no post is due before
            another result.

    Attributes:
        error: the exception that the posts' iterator has raised, if any. No post follows.
        waits: whether the last draw met `NOT_YET`.
    """

    def __init__(self, posts: Iterable[Post | NotYet]) -> None:
        self._expected = length_hint(posts)
        self._posts = iter(posts)
        self._drawn, self._exhausted = 0, False
        self.error: Exception | None = None
        self.waits = False

    @property
    def is_dry(self) -> bool:
        """Whether there is no further post, or none before another result."""
        return self._exhausted or self.waits

    @property
    def expected(self) -> int:
        """The approximate number of posts: the iterator's hint, or one more than were drawn."""
        return max(self._expected, self._drawn + 1)

    def look_again(self) -> None:
        """Allow a draw after `NOT_YET`: results may have made more posts due."""
        self.waits = False

    def draw(self) -> Post | None:
        """Return the next post; None at the end, or while no post is due."""
        if self.is_dry:
            return None
        try:
            post = next(self._posts)
        except StopIteration:
            self._exhausted = True
            return None
        except Exception as error:
            self.error, self._exhausted = error, True
            return None
        if post is NOT_YET:
            self.waits = True
            return None
        self._drawn += 1
        return post
