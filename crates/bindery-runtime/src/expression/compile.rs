//! Compiling, within bounds: neither parser nor evaluator may run out of stack, whatever the text.

use cel::Program;
use cel::common::ast::{EntryExpr, Expr, IdedExpr};

/// The stack of the thread that compiles, in bytes: a level of brackets takes the parser up to 200 KiB when it isn't
/// optimized, and other threads have 2 MiB in all.
const STACK: usize = 64 * 1024 * 1024;
/// The deepest program; a level takes the evaluator up to 40 KiB.
const MAX_DEPTH: usize = 24;

/// Compiles a rewritten expression.
///
/// # Errors
/// A sentence that says what is not understood.
pub(super) fn compile(text: String) -> Result<Program, String> {
    let thread = std::thread::Builder::new()
        .name("expression".to_owned())
        .stack_size(STACK);
    let running = thread
        .spawn(move || compile_here(&text))
        .map_err(|error| format!("no thread to compile it: {error}"))?;
    running
        .join()
        .unwrap_or_else(|_| Err("the compiler failed".to_owned()))
}

fn compile_here(text: &str) -> Result<Program, String> {
    let program = Program::compile(text).map_err(|error| error.to_string())?;
    if depth(program.expression()) > MAX_DEPTH {
        return Err(format!(
            "operators and brackets are nested deeper than {MAX_DEPTH}"
        ));
    }
    Ok(program)
}

fn depth(root: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(root, 1)];
    while let Some((expression, depth)) = open.pop() {
        deepest = deepest.max(depth);
        open.extend(
            children(&expression.expr)
                .into_iter()
                .map(|child| (child, depth + 1)),
        );
    }
    deepest
}

fn children(expression: &Expr) -> Vec<&IdedExpr> {
    match expression {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entries(&entry.expr))
            .collect(),
        Expr::Struct(made) => made
            .entries
            .iter()
            .flat_map(|entry| entries(&entry.expr))
            .collect(),
        Expr::Comprehension(each) => vec![
            &each.iter_range,
            &each.accu_init,
            &each.loop_cond,
            &each.loop_step,
            &each.result,
        ],
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn entries(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
