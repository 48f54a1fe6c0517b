/* file_view.c - mappings whose missing pages become zeros (see file_view.h; systemd's journal reader does the same). */
#include "base/file_view.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local struct file_view *newest; /* of this thread; the handler runs on the thread that reads */
static _Thread_local bool is_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction before;
static size_t page_size;

/* From the page of `at` to the end, so that a long file costs one signal and not one a page. Only a system call: fit
 * for a handler. */
static bool replace_pages(struct file_view *view, const char *at)
{
    size_t kept = (size_t)(at - (const char *)view->pages) / page_size * page_size;
    char *from = (char *)view->pages + kept;
    return mmap(from, view->page_bytes - kept, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                0) != MAP_FAILED;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    int kept = errno;
    const char *at = info->si_addr;
    for (struct file_view *view = newest; view && info->si_code > 0; view = view->below) {
        const char *pages = view->pages;
        if (at >= pages && at < pages + view->page_bytes && replace_pages(view, at)) {
            view->lost = 1;
            errno = kept;
            return;
        }
    }
    sigaction(SIGBUS, &before, NULL); /* a fault happens again on return */
    if (info->si_code <= 0)
        raise(number);
    errno = kept;
}

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
}

/* Whoever began this thread may have blocked all signals; of a fault that is blocked the kernel makes an end of the
 * process. */
static void get_ready(void)
{
    sigset_t bus;
    pthread_once(&once, install);
    sigemptyset(&bus);
    sigaddset(&bus, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &bus, NULL);
    is_ready = true;
}

bool file_view_open_part(struct file_view *view, int fd, int64_t offset, int64_t length, struct error *error)
{
    *view = (struct file_view){ .bytes = S("") };
    if (length == 0)
        return true;
    if (!is_ready)
        get_ready();
    int64_t skip = offset % (int64_t)page_size, whole;
    if (offset < 0 || length < 0 || __builtin_add_overflow(length, skip, &whole))
        return error_set(error, E_INVALID, "there are no such bytes in the file");
    size_t page_bytes = ((size_t)whole + page_size - 1) / page_size * page_size;
    void *pages = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE, fd, offset - skip);
    if (pages == MAP_FAILED) {
        if (errno != ENOMEM && errno != EAGAIN && errno != ENFILE)
            return error_set(error, E_INTERNAL, "cannot map a file: %s", strerror(errno));
        return error_set(error, E_UNAVAILABLE, "there is no room to read a file just now: try again");
    }
    view->pages = pages;
    view->page_bytes = page_bytes;
    view->bytes = (struct str){ (const char *)pages + skip, (ptrdiff_t)length };
    view->below = newest;
    newest = view;
    return true;
}

bool file_view_open(struct file_view *view, int fd, int64_t size_bytes, struct error *error)
{
    return file_view_open_part(view, fd, 0, size_bytes, error);
}

bool file_view_close(struct file_view *view, struct error *error)
{
    bool whole = !view->lost;
    if (view->pages) {
        struct file_view **link = &newest;
        while (*link != view)
            link = &(*link)->below;
        *link = view->below;
        munmap(view->pages, view->page_bytes);
    }
    *view = (struct file_view){ .bytes = STR_NULL };
    if (whole)
        return true;
    error_clear(error);
    return error_set(error, E_UNREADABLE, "the file cannot be read: it was cut meanwhile, or the disk fails");
}
