#include "watch/show_screen.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/stop.h"
#include "watch/amount_text.h"
#include "watch/screen_log.h"
#include "watch/screen_text.h"
#include "watch/show_line.h"
#include "watch/terminal_guard.h"

#include <ctype.h>
#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCREEN_SECONDS 0.1
#define HEAD_HEIGHT 5   /* title, whole, phases, rates, heading */
#define TABLES_MIN 3    /* lines of the table list */
#define HEIGHT_PLAIN 14 /* below, only the head and tables */

/* Colours, or what stands for them. */
enum ink { INK_PLAIN, INK_TITLE, INK_DONE, INK_ACTIVE, INK_WAITING, INK_WARNING, INK_COUNT };

struct screen {
    FILE *in;  /* owned */
    FILE *out; /* owned */
    SCREEN *terminal;
    struct screen_style style;
    chtype inks[INK_COUNT];
    struct terminal_guard guard;
    struct sigaction suspend; /* what SIGTSTP did before */
    uint32_t *order;          /* owned */
    uint32_t scroll;          /* tables above the first line */
    bool is_open;
    bool has_failed;
    bool is_asking; /* whether the work is to be stopped */
    struct screen_log log;
};

/* --- opening ----------------------------------------------------------------------------- */

static void choose_inks(struct screen *screen)
{
    static const struct {
        chtype plain;
        short colour;
        chtype with_colour;
    } inks[INK_COUNT] = {
        [INK_PLAIN] = {A_NORMAL, -1, A_NORMAL},
        [INK_TITLE] = {A_REVERSE, COLOR_CYAN, A_REVERSE},
        [INK_DONE] = {A_NORMAL, COLOR_GREEN, A_NORMAL},
        [INK_ACTIVE] = {A_BOLD, COLOR_YELLOW, A_BOLD},
        [INK_WAITING] = {A_NORMAL, -1, A_NORMAL},
        [INK_WARNING] = {A_BOLD, COLOR_RED, A_BOLD},
    };
    const char *no_colour = getenv("NO_COLOR");
    bool is_coloured = (no_colour == NULL || no_colour[0] == '\0') && has_colors();

    if (is_coloured) {
        start_color();
        use_default_colors();
    }
    for (int i = 0; i < INK_COUNT; i++) {
        screen->inks[i] = inks[i].plain;
        if (!is_coloured)
            continue;
        init_pair((short)(i + 1), inks[i].colour, -1);
        screen->inks[i] = inks[i].with_colour | (chtype)COLOR_PAIR(i + 1);
    }
}

static void take_keys(const struct screen *screen)
{
    struct termios settings;

    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    if (tcgetattr(fileno(screen->in), &settings) != 0)
        return;
    settings.c_cc[VSUSP] = _POSIX_VDISABLE;
    settings.c_iflag &= ~(tcflag_t)IXON;
    tcsetattr(fileno(screen->in), TCSADRAIN, &settings);
    def_prog_mode();
}

static void open_screen(struct screen *screen)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    screen->style.is_utf8 = show_line_knows_utf8();
    tcgetattr(fileno(screen->in), &screen->guard.settings);
    screen->terminal = newterm(NULL, screen->out, screen->in);
    if (screen->terminal == NULL) {
        screen->has_failed = true;
        return;
    }
    terminal_guard_learn(&screen->guard, fileno(screen->out));
    terminal_guard_hold(&screen->guard);
    sigaction(SIGTSTP, &ignore, &screen->suspend);
    take_keys(screen);
    choose_inks(screen);
    screen->is_open = true;
}

/* --- drawing ------------------------------------------------------------------------------- */

static void draw(struct screen *screen, int y, enum ink ink, const struct byte_buffer *text)
{
    attrset((int)screen->inks[ink]);
    mvaddnstr(y, 0, (const char *)text->data, (int)text->size);
    attrset(A_NORMAL);
}

static void draw_whole(struct screen *screen, const struct progress_view *view)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(byte_buffer) struct byte_buffer line = {0};
    size_t width = screen->style.width;
    size_t bar = width > 40 ? width - 36 : 0;

    byte_buffer_put_u8(&line, ' ');
    screen_text_bar(&line, view->fraction, bar, &screen->style);
    byte_buffer_put_u8(&line, ' ');
    screen_text_whole(&text, view);
    byte_buffer_put(&line, text.data, text.size);
    draw(screen, 1, view->is_stopping ? INK_WARNING : INK_ACTIVE, &line);
}

static void draw_phases(struct screen *screen, const struct progress_view *view)
{
    static const enum ink inks[] = {[PROGRESS_WAITING] = INK_WAITING,
        [PROGRESS_ACTIVE] = INK_ACTIVE,
        [PROGRESS_DONE] = INK_DONE};

    move(2, 1);
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        const struct progress_view_work *work = &view->phases[i];
        const char *mark = screen->style.is_utf8 ? "✓" : "+";
        OWNED(byte_buffer) struct byte_buffer text = {0};

        if (!work->is_planned)
            continue;
        screen_text_phase(&text, view, (enum progress_phase)i);
        if (getcurx(stdscr) + (int)text.size + 5 >= COLS)
            break;
        attrset((int)screen->inks[inks[work->state]]);
        addstr(work->state == PROGRESS_DONE ? mark : work->state == PROGRESS_ACTIVE ? ">" : " ");
        addch(' ');
        addnstr((const char *)text.data, (int)text.size);
        attrset(A_NORMAL);
        addstr("  ");
    }
}

static void draw_tables(struct screen *screen, const struct progress_view *view, int y, int height)
{
    uint32_t count;

    screen->order =
        byte_buffer_realloc(screen->order, (view->table_count + 1) * sizeof(*screen->order));
    count = screen_text_sort(view, screen->order);
    if (screen->scroll + (uint32_t)height > count)
        screen->scroll = count > (uint32_t)height ? count - (uint32_t)height : 0;
    for (int i = 0; i < height && screen->scroll + (uint32_t)i < count; i++) {
        OWNED(byte_buffer) struct byte_buffer text = {0};
        const struct progress_view_table *table =
            &view->tables[screen->order[screen->scroll + (uint32_t)i]];

        screen_text_table(&text, table, &screen->style);
        draw(screen, y + i,
            table->state == PROGRESS_DONE     ? INK_DONE
            : table->state == PROGRESS_ACTIVE ? INK_ACTIVE
                                              : INK_WAITING,
            &text);
    }
}

static void draw_rule(struct screen *screen, int y, const char *title)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    byte_buffer_put_u8(&text, ' ');
    byte_buffer_put_text(&text, title);
    byte_buffer_put_u8(&text, ' ');
    while (safe_text_width(text.data, text.size) < screen->style.width)
        byte_buffer_put(&text, screen->style.is_utf8 ? "─" : "-", screen->style.is_utf8 ? 3 : 1);
    draw(screen, y, INK_PLAIN, &text);
}

/* The newest line is the last. */
static void draw_log(struct screen *screen, int y, int height)
{
    size_t width = screen->style.width;

    for (int i = 0; i < height; i++) {
        const struct screen_log_line *line = screen_log_line(&screen->log, (size_t)i);
        OWNED(byte_buffer) struct byte_buffer text = {0};
        char time[AMOUNT_TEXT_ROOM];
        int from = screen->log.count < (size_t)height ? (int)screen->log.count : height;

        if (line == NULL)
            return;
        byte_buffer_put_u8(&text, ' ');
        screen_text_fit(&text, amount_text_duration(time, line->seconds), 12, &screen->style);
        screen_text_fit(&text, line->text, width > 14 ? width - 14 : 0, &screen->style);
        draw(screen, y + from - 1 - i, line->is_loud ? INK_WARNING : INK_PLAIN, &text);
    }
}

static void draw_foot(struct screen *screen, const struct progress_view *view)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    const char *words =
        view->is_onlooker
            ? " q or Ctrl-C ends watching; the replay goes on.  Arrows and PgUp/PgDn scroll."
        : view->is_stopping
            ? " Stopping: work in progress is taken back. Ctrl-C again ends at once, also safe."
        : screen->is_asking
            ? " Stop the work? y: yes, cleanly; any other key: no, it goes on."
            : " Ctrl-C stops cleanly, the same command goes on.  Arrows and PgUp/PgDn scroll.";

    screen_text_fit(&text, words, screen->style.width, &screen->style);
    draw(screen, LINES - 1, screen->is_asking ? INK_WARNING : INK_TITLE, &text);
}

static void draw_head(struct screen *screen, const struct progress_view *view)
{
    OWNED(byte_buffer) struct byte_buffer title = {0};
    OWNED(byte_buffer) struct byte_buffer rates = {0};
    OWNED(byte_buffer) struct byte_buffer heading = {0};

    screen_text_title(&title, view, &screen->style);
    draw(screen, 0, INK_TITLE, &title);
    draw_whole(screen, view);
    draw_phases(screen, view);
    screen_text_rates(&rates, view, &screen->style);
    draw(screen, 3, INK_PLAIN, &rates);
    screen_text_heading(&heading, &screen->style);
    draw(screen, 4, INK_TITLE, &heading);
}

/* Tables get what the others leave: a fifth each for connections and log, if there is room. */
static void draw_all(struct screen *screen, const struct progress_view *view)
{
    int rest = LINES - HEAD_HEIGHT - 1;
    int tasks = (int)view->task_count;
    int log = 0;
    int y = HEAD_HEIGHT;

    screen->style.width = (size_t)COLS;
    erase();
    draw_head(screen, view);
    tasks = tasks < 2 ? 2 : tasks;
    tasks = LINES < HEIGHT_PLAIN ? -1 : tasks < rest / 5 + 1 ? tasks : rest / 5 + 1;
    log = LINES < HEIGHT_PLAIN ? -1 : rest / 5;
    rest -= tasks + 1 + log + 1;
    draw_tables(screen, view, y, rest < TABLES_MIN ? TABLES_MIN : rest);
    y += rest;
    if (tasks > 0) {
        draw_rule(screen, y++, "at work");
        for (size_t i = 0; i < (size_t)tasks && i < view->task_count; i++) {
            OWNED(byte_buffer) struct byte_buffer text = {0};

            screen_text_task(&text, view, i, &screen->style);
            draw(screen, y + (int)i, INK_PLAIN, &text);
        }
        draw_rule(screen, y + tasks, "log");
        draw_log(screen, y + tasks + 1, log);
    }
    draw_foot(screen, view);
    refresh();
}

/* --- keys --------------------------------------------------------------------------------------
 */

static void scroll_by(struct screen *screen, int lines)
{
    if (lines < 0 && screen->scroll < (uint32_t)-lines)
        screen->scroll = 0;
    else
        screen->scroll += (uint32_t)lines;
}

/* A key that was hit by accident must not end a night's work: q asks. False: it means a move. */
static bool take_stop_key(struct screen *screen, const struct progress_view *view, int key)
{
    bool was_asked = screen->is_asking;

    screen->is_asking = key == 'q' && !view->is_onlooker && !view->is_stopping;
    if (key == 3 /* Ctrl-C, where a terminal sends it as a character */
        || (key == 'q' && view->is_onlooker) || (was_asked && (key == 'y' || key == 'Y')))
        stop_request();
    return key == 3 || key == 'q' || was_asked;
}

static void read_keys(struct screen *screen, const struct progress_view *view)
{
    int key;

    while ((key = getch()) != ERR) {
        if (key == KEY_RESIZE || take_stop_key(screen, view, key))
            continue;
        switch (key) {
        case KEY_UP:
            scroll_by(screen, -1);
            break;
        case KEY_DOWN:
            scroll_by(screen, 1);
            break;
        case KEY_PPAGE:
            scroll_by(screen, -LINES / 2);
            break;
        case KEY_NPAGE:
            scroll_by(screen, LINES / 2);
            break;
        case KEY_HOME:
            screen->scroll = 0;
            break;
        case KEY_END:
            screen->scroll = UINT32_MAX / 2;
            break;
        default:
            break;
        }
    }
}

/* --- shown
 * ---------------------------------------------------------------------------------------- */

static void tick(void *argument, const struct progress_view *view)
{
    struct screen *screen = argument;

    if (!screen->is_open && !screen->has_failed)
        open_screen(screen);
    screen_log_take(&screen->log, view);
    if (!screen->is_open)
        return;
    read_keys(screen, view);
    draw_all(screen, view);
}

static void close_screen(void *argument, const struct progress_view *view)
{
    struct screen *screen = argument;

    (void)view;
    if (screen->is_open) {
        endwin();
        terminal_guard_let_go();
        sigaction(SIGTSTP, &screen->suspend, NULL);
        delscreen(screen->terminal);
    }
    if (screen->log.warnings.size > 0)
        fwrite(screen->log.warnings.data, 1, screen->log.warnings.size, stderr);
    fclose(screen->in);
    fclose(screen->out);
    screen_log_release(&screen->log);
    free(screen->order);
    free(screen);
}

static bool open_terminal(struct screen *screen, struct error *err)
{
    const char *name = getenv("TERM");

    screen->in = fopen("/dev/tty", "r");
    screen->out = fopen("/dev/tty", "w");
    if (screen->in == NULL || screen->out == NULL)
        return error_set(err, ERROR_USAGE,
            "--curses needs a terminal, and there is none; --progress=plain or json needs none");
    if (!terminal_guard_has_screen(fileno(screen->out)))
        return error_set(err, ERROR_USAGE,
            "--curses: a terminal of the kind \"%s\" (TERM) has no screen; use --progress=bar",
            name == NULL ? "" : name);
    return true;
}

/* ncurses asks the process, not the thread, for the terminal's encoding. Numbers are written as
   ever, and names compared: in Turkish "I" is no capital "i". */
static void use_characters(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || tolower('I') == 'i')
        return;
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        setlocale(LC_CTYPE, "C");
}

bool show_screen(struct progress_show *show, struct error *err)
{
    struct screen *screen = byte_buffer_calloc(1, sizeof(*screen));

    use_characters();
    if (!open_terminal(screen, err)) {
        if (screen->in != NULL)
            fclose(screen->in);
        if (screen->out != NULL)
            fclose(screen->out);
        free(screen);
        return false;
    }
    *show = (struct progress_show){
        .interval = SCREEN_SECONDS, .context = screen, .tick = tick, .close = close_screen};
    return true;
}
